import { type PollHandle, startPoll } from '../native.ts';
import { eventLoop } from './event-loop.ts';
import type { WatchedFd } from './poll-loop.ts';

/** Waits for a descriptor to become readable, in Node's own event loop. */
export interface Watch {
  /** Stops calling back until `resume`. The descriptor then keeps neither the loop busy nor the process alive. */
  pause(): void;
  resume(): void;
  /** Ends the watch. Call it before the descriptor is closed. */
  close(): void;
}

/** Handles in use: one that is garbage-collected ends its callbacks without a word. */
const handles = new Set<PollHandle>();

/**
 * Calls `ready` as often as the loop finds `fd` readable, or in error: the reader then sees the error itself.
 * @throws Error if this koffi has no `node.poll`.
 */
export function watchReadable(fd: number, ready: () => void): Watch {
  const poll = startPoll();
  const { pollLoop } = eventLoop();
  const events = { readable: true };
  let watching = true;
  let closed = false;
  const watched: WatchedFd = { fd, ready, active: true };
  pollLoop?.add(watched);
  const onPoll = (status: number) => {
    try {
      ready();
      pollLoop?.run();
    } catch (error) {
      // koffi drops what a callback throws, and the program would go on with a state that is wrong.
      process.nextTick(() => {
        throw error;
      });
    }
    // libuv ends a poll that reports an error (POLLERR, as ENOBUFS does on netlink); the reader has taken the error now.
    if (status !== 0 && watching && !closed) handle.start(events, onPoll);
  };
  const handle = poll(fd, events, onPoll);
  handles.add(handle);
  return {
    pause: () => {
      if (!closed && watching) handle.stop();
      watching = false;
      watched.active = false;
    },
    resume: () => {
      if (!closed && !watching) handle.start(events, onPoll);
      watching = true;
      watched.active = !closed;
    },
    close: () => {
      if (closed) return;
      closed = true;
      pollLoop?.remove(watched);
      handle.close();
      handles.delete(handle);
    },
  };
}
