import { readdirSync, readFileSync } from 'node:fs';

// USER_HZ, which Linux fixes at 100 for /proc on every architecture in use.
const NANOSECONDS_A_TICK = 1e7;

/** CPU time that a process, all its threads and its children have used so far. */
export interface CpuReading {
  /** By thread, in nanoseconds as the scheduler counts them. */
  readonly threads: ReadonlyMap<string, number>;
  /** Of the whole process, ended threads included; in ticks of 10 ms. */
  readonly own: number;
  /** Of children that have ended and were waited for; in ticks of 10 ms. */
  readonly children: number;
  /** The part of both that was spent in the kernel; in ticks of 10 ms. */
  readonly kernel: number;
}

/** CPU time in microseconds. */
export interface Cpu {
  readonly us: number;
  /** The part of it that was spent in the kernel: what the system calls cost. Undefined where the time is too short to tell. */
  readonly kernelUs: number | undefined;
}

/** With fewer ticks the kernel's part would be wrong by more than a tenth or so. */
const TICKS_MIN = 10;

function fieldsOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

export function readCpu(pid: number): CpuReading {
  const threads = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [ran] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ');
      threads.set(thread, Number(ran));
    } catch {
      // The thread ended while we read.
    }
  }
  const fields = fieldsOf(pid);
  return {
    threads,
    own: Number(fields[11]) + Number(fields[12]),
    children: Number(fields[13]) + Number(fields[14]),
    kernel: Number(fields[12]) + Number(fields[14]),
  };
}

/** The CPU time between two readings of one process. */
export function cpuBetween(begin: CpuReading, end: CpuReading): Cpu {
  const us = microsecondsBetween(begin, end);
  const ticks = end.own + end.children - begin.own - begin.children;
  const kernelUs = ticks < TICKS_MIN ? undefined : (us * (end.kernel - begin.kernel)) / ticks;
  return { us, kernelUs };
}

function microsecondsBetween(begin: CpuReading, end: CpuReading): number {
  const children = (end.children - begin.children) * NANOSECONDS_A_TICK;
  // A thread's count disappears when it ends; only the coarser count of the process remains.
  const lost = [...begin.threads.keys()].some((thread) => !end.threads.has(thread));
  if (lost) return ((end.own - begin.own) * NANOSECONDS_A_TICK + children) / 1000;
  let own = 0;
  for (const [thread, ran] of end.threads) own += ran - (begin.threads.get(thread) ?? 0);
  return (own + children) / 1000;
}

/** Whether a process has work at this moment, including when it waits for a processor. */
export function isRunnable(pid: number): boolean {
  return fieldsOf(pid)[0] === 'R';
}

/** Memory of a process in bytes. */
export interface Memory {
  /** Resident memory: all mapped pages that are present, including shared ones. */
  readonly resident: number;
  /** Private memory, plus the process's proportional share of shared memory. */
  readonly proportional: number;
}

export function readMemory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024;
  return { resident: bytes('Rss'), proportional: bytes('Pss') };
}

/** The CPU time that a process has used since its start. */
export function cpuSinceStart(pid: number): Cpu {
  return cpuBetween({ threads: new Map(), own: 0, children: 0, kernel: 0 }, readCpu(pid));
}
