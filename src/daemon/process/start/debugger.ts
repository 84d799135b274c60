import inspector from 'node:inspector';

/**
 * Keeps Node from opening its debugger, which runs whatever a local process sends it, on SIGUSR1. A handler takes the place of
 * Node's own on every version; newer ones have `--disable-sigusr1` as well, which counts from the first instruction
 * ({@link debuggerOptions}).
 */
export function ignoreDebuggerSignal(): void {
  process.on('SIGUSR1', () => {});
}

/** Closes a debugger that a SIGUSR1 opened before {@link ignoreDebuggerSignal}. Returns whether there was one. */
export function closeDebugger(): boolean {
  if (inspector.url() === undefined) return false;
  inspector.close();
  return true;
}

/** The options for a new Node process that never opens a debugger on SIGUSR1, as far as this version has one. */
export function debuggerOptions(): readonly string[] {
  return process.allowedNodeEnvironmentFlags.has('--disable-sigusr1') ? ['--disable-sigusr1'] : [];
}
