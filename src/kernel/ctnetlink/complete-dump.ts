import type { Dump, DumpCounters, KernelSink } from '../kernel.ts';

/** Walks through one table at most before an interrupted one is taken as it is. */
const ATTEMPTS_MAX = 4;

/** One walk through the table. */
export interface TableWalk extends Dump {
  /** True if the table changed during the walk, which may lack an entry or have one twice (NLM_F_DUMP_INTR, netlink(7)). */
  readonly interrupted: boolean;
}

/** A dump that walks the table again when an interruption may have cost it an entry. */
export class CompleteDump implements Dump {
  private readonly begin: () => TableWalk;
  private readonly counters: DumpCounters;
  private walk: TableWalk;
  private attempts = 1;

  /**
   * @param begin begins a walk through the whole table
   * @throws KernelError
   */
  constructor(begin: () => TableWalk, counters: DumpCounters) {
    this.begin = begin;
    this.counters = counters;
    this.walk = begin();
  }

  step(sink: KernelSink): boolean {
    if (!this.walk.step(sink)) return false;
    if (!this.walk.interrupted) return true;
    this.counters.interruptedDumps++;
    if (this.attempts === ATTEMPTS_MAX) {
      this.counters.incompleteDumps++;
      return true;
    }
    this.walk.close();
    this.attempts++;
    this.walk = this.begin();
    sink.restarted?.();
    return false;
  }

  close(): void {
    this.walk.close();
  }
}
