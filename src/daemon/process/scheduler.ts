import type { SchedulerConfig } from '../../config/config.ts';
import {
  SCHED_FIFO,
  SCHED_OTHER,
  SCHED_RESET_ON_FORK,
  SCHED_RR,
  setScheduler,
} from '../../system/scheduling.ts';
import { SystemError } from '../../system/system-error.ts';

/**
 * Schedules the daemon in real time, so that it does not wait for the processor while packets arrive; without a Scheduler clause
 * with SCHED_RR at the highest priority, as the C program does. Needs CAP_SYS_NICE; warns in C's words if the call fails.
 *
 * The call affects only its own thread, which has to be the main one: the one that runs JavaScript. V8's and libuv's threads
 * keep the usual policy: existing ones because the call does not reach them, later ones because of SCHED_RESET_ON_FORK. Writing
 * a file is no reason to keep other processes from the processor. The kernel's thread that sends a commit gets it too
 * (`SendRing`), because packets wait for it.
 *
 * The kernel bounds what a main thread that never sleeps can take: it leaves other processes on that processor 5% of each
 * second (sched(7), `kernel.sched_rt_runtime_us`). RLIMIT_RTTIME stays unset: it ends a process that works for that long
 * without a pause, and committing a large cache takes seconds.
 */
export class Scheduler {
  private readonly config: SchedulerConfig;
  private readonly warn: (text: string) => void;
  private isRealtime: boolean;

  constructor(config: SchedulerConfig, warn: (text: string) => void) {
    this.config = config;
    this.warn = warn;
    this.isRealtime = this.setRealtime();
  }

  /** Does work that no packet waits for with the usual policy, so that other processes get their share of the processor. */
  runAtNormalPriority(work: () => void): void {
    if (!this.isRealtime) {
      work();
      return;
    }
    setScheduler(SCHED_OTHER | SCHED_RESET_ON_FORK, 0);
    try {
      work();
    } finally {
      this.isRealtime = this.setRealtime();
    }
  }

  private setRealtime(): boolean {
    const { type, priority } = this.config;
    const policy = (type === 'rr' ? SCHED_RR : SCHED_FIFO) | SCHED_RESET_ON_FORK;
    try {
      setScheduler(policy, priority);
      return true;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.warn(
        `scheduler configuration failed: ${textOf(error)}. Likely a bug in conntrackd, please report it. ` +
          'Continuing with system default scheduler.',
      );
      return false;
    }
  }
}

/** The error as strerror(3) has it, without the call and the symbol around it. */
function textOf({ call, message }: SystemError): string {
  return message.slice(`${call}: `.length, message.lastIndexOf(' ('));
}
