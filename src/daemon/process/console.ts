import { writeSync } from 'node:fs';

/** Takes finished lines for the console: notices on standard output, warnings and errors on standard error. */
export type Console = (stream: 'stdout' | 'stderr', line: string) => void;

/** The console of a process in the foreground. Errors are ignored: the reader may have gone. */
export function processConsole(stream: 'stdout' | 'stderr', line: string): void {
  try {
    writeSync(stream === 'stdout' ? 1 : 2, line);
  } catch {
    // EPIPE, EAGAIN: as in the C node, the line is lost.
  }
}
