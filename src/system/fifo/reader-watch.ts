import { type PollHandle, startPoll } from '../native.ts';

/** Handles in use: one that is garbage-collected ends its callbacks without a word. */
const handles = new Set<PollHandle>();

/** Waits until nobody reads from a FIFO any more. */
export interface ReaderWatch {
  /** Ends the watch. Call it before the descriptor is closed. */
  close(): void;
}

/**
 * Calls `gone` once, from the event loop, when the last reader of the pipe or FIFO has closed it: the write end `fd` then
 * reports POLLERR (poll(2)). @param fd open for writing alone, with a reader
 * @throws Error if this koffi has no `node.poll`
 */
export function watchReaders(fd: number, gone: () => void): ReaderWatch {
  let closed = false;
  // A write end is never readable: only an error is reported, which needs no asking for.
  const handle = startPoll()(fd, { readable: true }, () => {
    if (closed) return;
    close();
    try {
      gone();
    } catch (error) {
      // koffi drops what a callback throws.
      process.nextTick(() => {
        throw error;
      });
    }
  });
  const close = (): void => {
    if (closed) return;
    closed = true;
    handle.close();
    handles.delete(handle);
  };
  handles.add(handle);
  return { close };
}
