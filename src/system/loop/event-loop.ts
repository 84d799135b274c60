/**
 * How this process waits for descriptors: directly, by a {@link PollLoop}, or as libuv does.
 *
 * Polling directly rests on these facts about libuv and Node, beyond what either documents for JavaScript:
 *
 * 1. The node binary exports libuv's functions, and Node's main thread runs `uv_default_loop()` (Node's embedding and
 *    addon documentation; src/node_main_instance.cc). Worker threads have loops of their own, which no function names.
 * 2. `uv_backend_fd` is the loop's epoll descriptor, made to be embedded in another loop (libuv documentation, "uv_loop_t"). An
 *    epoll descriptor is readable to poll(2) when one of its own descriptors is ready (epoll(7)).
 * 3. `uv_backend_timeout` is how long the loop would wait: milliseconds to its first timer, 0 if it has something to do now,
 *    -1 for no end (libuv documentation; uv_backend_timeout in src/unix/core.c). It is 0 while a descriptor that libuv was
 *    told to watch is not in the epoll set yet, so none is missed. It is 0 as well while an immediate waits, because Node
 *    keeps an idle handle for these (src/env.cc, ToggleImmediateRef).
 * 4. The loop's time stands still during a callback; `uv_update_time` moves it on, so that timers set now begin now (libuv
 *    documentation).
 * 5. All of Node's timers are one timer of libuv's (src/env.cc, ScheduleTimer), so that fact 3 covers them.
 * 6. `process._tickCallback` is Node's `runNextTicks`, which runs ticks and microtasks as they run at the end of a callback
 *    (lib/internal/process/task_queues.js). It is deprecated in documentation only (DEP0134). Called from within a microtask it
 *    does not run microtasks.
 *
 * Seen with Node 20.20 (libuv 1.46); the self-test looks at each fact at the start, because a future Node may change it.
 */

import { isMainThread } from 'node:worker_threads';
import { TIMER_MAX_MS } from '../clock.ts';
import { bind, isNativeLoaded, startPoll } from '../native.ts';
import { NativeMemory } from '../native-memory.ts';
import {
  type LoopCalls,
  POLLFD_WORDS,
  POLLNVAL,
  PollLoop,
  type PollVector,
  readAnswer,
  requestRead,
} from './poll-loop.ts';
import type { ReusableTimer } from './reusable-timer.ts';

/** `libuv` leaves libuv's waiting as it is. */
const VARIABLE = 'CONNTRACKD_TS_EVENT_LOOP';
const EFD_CLOEXEC = 0o2000000;

/** The event loop in use, and why. */
export interface EventLoop {
  /** Undefined where libuv waits. */
  readonly pollLoop: PollLoop | undefined;
  /** As in `direct polling`, or `libuv, because this Node has no process._tickCallback`. */
  readonly description: string;
  /** Why it cannot poll directly, though nobody asked for libuv. */
  readonly trouble?: string;
}

/** What {@link bindLoop} finds in this process; a test puts others in their places. */
export interface LoopHost {
  readonly isMainThread: boolean;
  readonly tickCallback: unknown;
  readonly bind: <T>(prototype: string) => T;
  readonly startPoll: typeof startPoll;
}

/** Calls of the loop, and a descriptor that is always readable. */
export interface BoundLoop {
  readonly calls: LoopCalls;
  readonly readableFd: number;
}

const NOT_OPENED: EventLoop = { pollLoop: undefined, description: 'libuv' };
let current = NOT_OPENED;

/** The event loop in use: libuv's until {@link openEventLoop} has looked at this Node. */
export function eventLoop(): EventLoop {
  return current;
}

/** A timer of the poll loop's, which keeps the process alive while it is set; undefined where libuv waits. */
export function loopTimer(act: () => void): ReusableTimer | undefined {
  return isNativeLoaded() ? current.pollLoop?.timer(act) : undefined;
}

/**
 * Chooses the event loop: polls directly unless the environment sets `libuv`, or this Node lacks what that needs. Descriptors that
 * are watched from then on are waited for by it. What is chosen once stays.
 */
export async function openEventLoop(
  environment: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): Promise<EventLoop> {
  if (current === NOT_OPENED) current = await choose(environment, warn, hostHere());
  return current;
}

/** As {@link openEventLoop}, for a host; changes nothing. */
export async function choose(
  environment: NodeJS.ProcessEnv,
  warn: (text: string) => void,
  host: LoopHost,
): Promise<EventLoop> {
  const word = environment[VARIABLE] ?? 'direct';
  if (word !== 'direct' && word !== 'libuv') {
    warn(
      `the environment variable ${VARIABLE} is "${word}", expected "direct" or "libuv": taken as "direct"`,
    );
  }
  if (word === 'libuv') return { pollLoop: undefined, description: `libuv (${VARIABLE}=libuv)` };
  try {
    const bound = bindLoop(host);
    // Outside of any microtask: see fact 6.
    await new Promise<void>((resolve, reject) =>
      setImmediate(() => {
        try {
          selfTest(bound);
          resolve();
        } catch (error) {
          reject(error);
        }
      }),
    );
    return { pollLoop: new PollLoop(bound.calls), description: 'direct polling' };
  } catch (error) {
    const trouble = (error as Error).message.split('\n')[0]!;
    return { pollLoop: undefined, description: `libuv, because ${trouble}`, trouble };
  }
}

function hostHere(): LoopHost {
  const { _tickCallback } = process as unknown as { _tickCallback?: unknown };
  return { isMainThread, tickCallback: _tickCallback, bind, startPoll };
}

/** Binds what the poll loop needs. @throws Error that names what is missing */
export function bindLoop(host: LoopHost): BoundLoop {
  if (!host.isMainThread) throw new Error('this is not the main thread');
  const drainMicrotasks = host.tickCallback;
  if (typeof drainMicrotasks !== 'function') throw new Error('this Node has no process._tickCallback');
  const watch = host.startPoll();
  const bindNamed = <T>(name: string, result: string, parameters: string): T => {
    try {
      return host.bind<T>(`${result} ${name}(${parameters})`);
    } catch (error) {
      throw new Error(`${name} is missing: ${(error as Error).message}`);
    }
  };
  const defaultLoop = bindNamed<() => number | bigint>('uv_default_loop', 'int64_t', 'void');
  const backendFd = bindNamed<(loop: number) => number>('uv_backend_fd', 'int', 'int64_t');
  const backendTimeout = bindNamed<(loop: number) => number>('uv_backend_timeout', 'int', 'int64_t');
  const updateTime = bindNamed<(loop: number) => void>('uv_update_time', 'void', 'int64_t');
  const eventfd = bindNamed<(initial: number, flags: number) => number>('eventfd', 'int', 'uint32_t, int');
  const poll = bindNamed<(vector: number, count: number, milliseconds: number) => number>(
    'poll',
    'int',
    'int64_t, ulong, int',
  );
  const loop = Number(defaultLoop());
  const readableFd = eventfd(1, EFD_CLOEXEC);
  if (readableFd < 0) throw new Error('eventfd has no descriptor left');
  const calls: LoopCalls = {
    vector: (words) => vectorOf(words, poll),
    backend: backendFd(loop),
    backendTimeout: () => backendTimeout(loop),
    updateTime: () => updateTime(loop),
    drainMicrotasks: drainMicrotasks as () => void,
    onNextTurn: turnsOf(watch, readableFd),
  };
  return { calls, readableFd };
}

function vectorOf(
  words: number,
  poll: (vector: number, count: number, milliseconds: number) => number,
): PollVector {
  const memory = new NativeMemory(words * 4);
  return { words: memory.words, poll: (count, milliseconds) => poll(memory.address, count, milliseconds) };
}

/** Calls back in the loop's next turn: a descriptor that is always readable is watched until then. */
function turnsOf(watch: ReturnType<typeof startPoll>, readableFd: number): (act: () => void) => void {
  const events = { readable: true };
  let handle: ReturnType<typeof watch> | undefined;
  return (act) => {
    const onTurn = () => {
      handle?.stop();
      act();
    };
    if (handle === undefined) handle = watch(readableFd, events, onTurn);
    else handle.start(events, onTurn);
  };
}

/**
 * Looks whether the facts hold here. Takes some hundred microseconds; to be called outside of any microtask.
 * @throws Error that names the one that does not
 */
export function selfTest({ calls, readableFd }: BoundLoop): void {
  if (calls.backend < 0) throw new Error('uv_backend_fd has no descriptor');
  const timeoutMs = calls.backendTimeout();
  if (!Number.isInteger(timeoutMs) || timeoutMs < -1 || timeoutMs > TIMER_MAX_MS) {
    throw new Error(`uv_backend_timeout is ${timeoutMs}`);
  }
  calls.updateTime();
  const { words, poll } = calls.vector(2 * POLLFD_WORDS);
  requestRead(words, 0, readableFd);
  requestRead(words, 1, calls.backend);
  const ready = poll(2, 0);
  if (ready < 1 || readAnswer(words, 0) === 0) throw new Error('poll does not find a readable descriptor');
  if ((readAnswer(words, 1) & POLLNVAL) !== 0) throw new Error('uv_backend_fd is no open descriptor');
  let hasTicked = false;
  let hasSettled = false;
  process.nextTick(() => {
    hasTicked = true;
  });
  void Promise.resolve().then(() => {
    hasSettled = true;
  });
  calls.drainMicrotasks();
  if (!hasTicked) throw new Error('process._tickCallback runs no ticks');
  if (!hasSettled) throw new Error('process._tickCallback runs no microtasks');
}
