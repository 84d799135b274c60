/**
 * Aborts on SIGTERM and SIGINT, from before the daemon makes anything that it has to remove again: the signals count during the
 * start as well. SIGHUP does nothing until there are logs to open again.
 */
export function listenForStop(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort());
  process.on('SIGHUP', () => {});
  return stop.signal;
}

/** Settles as `work` does, but rejects at once when `stop` aborts. */
export async function unlessStopped<T>(work: Promise<T>, stop: AbortSignal): Promise<T> {
  stop.throwIfAborted();
  return new Promise((resolve, reject) => {
    stop.addEventListener('abort', () => reject(stop.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}
