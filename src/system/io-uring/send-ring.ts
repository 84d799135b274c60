import { availableParallelism } from 'node:os';
import { LITTLE_ENDIAN } from '../../bytes/endian.ts';
import { Errno } from '../errno.ts';
import type { Libc } from '../libc.ts';
import { bind, check, lastErrno } from '../native.ts';
import { NativeMemory } from '../native-memory.ts';
import { inheritScheduler } from '../scheduling.ts';
import { MappedMemory } from './mapped-memory.ts';

/** System call numbers, the same on every architecture that koffi is loaded on. */
const IO_URING_SETUP = 425;
const IO_URING_ENTER = 426;

// Constants of linux/io_uring.h.
const SETUP_SQPOLL = 1 << 1;
const FEAT_SINGLE_MMAP = 1 << 0;
const FEAT_SQPOLL_NONFIXED = 1 << 7;
const FEAT_EXT_ARG = 1 << 8;
const ENTER_GETEVENTS = 1 << 0;
const ENTER_SQ_WAKEUP = 1 << 1;
const ENTER_EXT_ARG = 1 << 3;
const SQ_NEED_WAKEUP = 1 << 0;
const OFF_SQES = 0x1000_0000;
const OP_SEND = 26;

/** 32-bit words of `struct io_uring_params`, of a submission and of a completion. */
const PARAMS_WORDS = 30;
const SQE_WORDS = 16;
const CQE_WORDS = 4;

/** Words of `struct io_uring_params`. */
const Param = {
  SQ_ENTRIES: 0,
  CQ_ENTRIES: 1,
  FLAGS: 2,
  THREAD_IDLE_MS: 4,
  FEATURES: 5,
  SQ_TAIL: 11,
  SQ_FLAGS: 14,
  SQ_ARRAY: 16,
  CQ_HEAD: 20,
  CQ_TAIL: 21,
  CQES: 25,
} as const;

/** struct io_uring_getevents_arg: signal mask (u64), its size (u32), padding, pointer to the timeout; behind it here is that. */
const WAIT_ARGUMENT_BYTES = 24;
const TIMESPEC_BYTES = 16;

/**
 * Milliseconds that the kernel's thread looks for the next send before it sleeps. Waking it costs a system call, and looking for work
 * takes a processor.
 */
const THREAD_IDLE_MS = 2;

interface Calls {
  readonly setup: (number: number, entries: number, parameters: number) => number;
  readonly enter: (
    number: number,
    ring: number,
    submit: number,
    complete: number,
    flags: number,
    argument: number,
    argumentBytes: number,
  ) => number;
}

let bound: Calls | undefined;

function calls(): Calls {
  bound ??= {
    setup: bind('long syscall(long, uint32_t, int64_t)'),
    enter: bind('long syscall(long, int, uint32_t, uint32_t, uint32_t, int64_t, size_t)'),
  };
  return bound;
}

/**
 * Opens a ring of at least `entries` sends, a power of two. Undefined where it would be of no use: with one processor the thread would
 * take the time that it saves; an older kernel (before 5.11) has no such thread; and an administrator may forbid it
 * (`kernel.io_uring_disabled`, a container's filter of system calls, on newer kernels RLIMIT_MEMLOCK below two pages).
 */
export function openSendRing(system: Libc, entries: number): SendRing | undefined {
  if (availableParallelism() < 2) return undefined;
  try {
    return new SendRing(system, entries);
  } catch {
    return undefined;
  }
}

/** Memory that a ring's thread may still read when the ring is closed: it must stay where it is. */
const abandoned: NativeMemory[] = [];

/**
 * Sends that a thread of the kernel makes in the background, in the order in which they were queued: io_uring with SQPOLL, see
 * io_uring_setup(2). Queueing one is a store into memory that the kernel shares. The thread has the scheduling policy and the
 * privileges of the thread that opened the ring, and is of this process.
 */
export class SendRing {
  private readonly system: Libc;
  private readonly fd: number;
  private readonly ring: MappedMemory;
  private readonly submissions: MappedMemory;
  private readonly waitArgument: NativeMemory;
  /** What is being sent, oldest first: the kernel's pointers to it are invisible to the garbage collector. */
  private readonly underway: NativeMemory[] = [];
  // Places of the ring's words.
  private readonly sqTail: number;
  private readonly sqFlags: number;
  private readonly cqHead: number;
  private readonly cqTail: number;
  private readonly completions: number;
  readonly entries: number;
  private readonly cqEntries: number;

  /** @throws SystemError, or Error where the kernel's io_uring lacks something */
  constructor(system: Libc, entries: number) {
    this.system = system;
    const parameters = new NativeMemory(4 * PARAMS_WORDS);
    const { words } = parameters;
    words[Param.FLAGS] = SETUP_SQPOLL;
    words[Param.THREAD_IDLE_MS] = THREAD_IDLE_MS;
    const { setup } = calls();
    this.fd = inheritScheduler(() =>
      Number(check('io_uring_setup', setup(IO_URING_SETUP, entries, parameters.address))),
    );
    try {
      // A filter of system calls may refuse io_uring_enter alone, and nothing would be sent.
      this.wake();
      const needed = FEAT_SINGLE_MMAP | FEAT_SQPOLL_NONFIXED | FEAT_EXT_ARG;
      if ((words[Param.FEATURES]! & needed) !== needed) throw new Error("this kernel's io_uring is too old");
      this.entries = words[Param.SQ_ENTRIES]!;
      this.cqEntries = words[Param.CQ_ENTRIES]!;
      this.sqTail = words[Param.SQ_TAIL]! >> 2;
      this.sqFlags = words[Param.SQ_FLAGS]! >> 2;
      this.cqHead = words[Param.CQ_HEAD]! >> 2;
      this.cqTail = words[Param.CQ_TAIL]! >> 2;
      this.completions = words[Param.CQES]! >> 2;
      const array = words[Param.SQ_ARRAY]!;
      const bytes = Math.max(array + 4 * this.entries, 4 * (this.completions + CQE_WORDS * this.cqEntries));
      this.ring = new MappedMemory(this.fd, bytes, 0);
      try {
        this.submissions = new MappedMemory(this.fd, 4 * SQE_WORDS * this.entries, OFF_SQES);
      } catch (error) {
        this.ring.unmap();
        throw error;
      }
      // The nth place of the queue is the nth submission, for good.
      for (let n = 0; n < this.entries; n++) this.ring.words[(array >> 2) + n] = n;
    } catch (error) {
      system.close(this.fd);
      throw error;
    }
    this.waitArgument = new NativeMemory(WAIT_ARGUMENT_BYTES + TIMESPEC_BYTES);
    this.waitArgument.point(16, WAIT_ARGUMENT_BYTES);
  }

  /**
   * Queues a send of the first `length` bytes of `memory` to where the socket `fd` sends without an address. Both must stay as they
   * are until the result is taken.
   * @throws RangeError if {@link entries} sends are without a result
   */
  send(fd: number, memory: NativeMemory, length: number): void {
    if (this.underway.length === this.entries)
      throw new RangeError(`the ring has no room for ${this.entries + 1} sends`);
    this.underway.push(memory);
    const { words } = this.ring;
    const tail = words[this.sqTail]!;
    const at = (tail & (this.entries - 1)) * SQE_WORDS;
    const submission = this.submissions.words;
    submission.fill(0, at, at + SQE_WORDS);
    // The first byte is the operation.
    submission[at] = LITTLE_ENDIAN ? OP_SEND : OP_SEND << 24;
    submission[at + 1] = fd;
    this.submissions.longs[(at >> 1) + 2] = BigInt(memory.address);
    submission[at + 6] = length;
    Atomics.store(words, this.sqTail, (tail + 1) | 0);
    if ((Atomics.load(words, this.sqFlags) & SQ_NEED_WAKEUP) !== 0) this.wake();
  }

  private wake(): void {
    check('io_uring_enter', Number(calls().enter(IO_URING_ENTER, this.fd, 0, 0, ENTER_SQ_WAKEUP, 0, 0)));
  }

  /** Whether the result of the oldest send is there. */
  get hasResult(): boolean {
    const { words } = this.ring;
    return Atomics.load(words, this.cqTail) !== words[this.cqHead];
  }

  /** Takes the result of the oldest send: the bytes sent, or a negative errno. */
  takeResult(): number {
    const { words } = this.ring;
    if (!this.hasResult) throw new RangeError('no result in the ring');
    const head = words[this.cqHead]!;
    const result = words[this.completions + CQE_WORDS * (head & (this.cqEntries - 1)) + 2]!;
    Atomics.store(words, this.cqHead, (head + 1) | 0);
    this.underway.shift();
    return result;
  }

  /** Waits for the result of the oldest send. Returns whether it came within so many milliseconds. */
  wait(milliseconds: number): boolean {
    const { waitArgument } = this;
    const time = waitArgument.longs;
    time[WAIT_ARGUMENT_BYTES >> 3] = BigInt(Math.trunc(milliseconds / 1000));
    time[(WAIT_ARGUMENT_BYTES >> 3) + 1] = BigInt((milliseconds % 1000) * 1_000_000);
    while (!this.hasResult) {
      const flags = ENTER_GETEVENTS | ENTER_EXT_ARG;
      const { enter } = calls();
      if (
        enter(IO_URING_ENTER, this.fd, 0, 1, flags, waitArgument.address, WAIT_ARGUMENT_BYTES) < 0 &&
        lastErrno() !== Errno.EINTR
      ) {
        return this.hasResult;
      }
    }
    return true;
  }

  /** Ends the thread. A send without a result may be made or not. */
  close(): void {
    abandoned.push(...this.underway);
    this.ring.unmap();
    this.submissions.unmap();
    this.system.close(this.fd);
  }
}
