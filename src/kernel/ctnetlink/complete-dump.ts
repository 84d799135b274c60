import type { DumpCounters } from '../kernel.ts';

/** Walks through one table at most before an interrupted one is taken as it is. */
const ATTEMPTS_MAX = 4;

/** Who takes the entries. */
export interface DumpSink {
  /** The dump begins again: all that it has given comes once more, but for what ended meanwhile. */
  restarted?(): void;
}

/** One walk through the table. */
export interface TableWalk<Sink> {
  /** True if the table changed during the walk, which may lack an entry or have one twice (NLM_F_DUMP_INTR, netlink(7)). */
  readonly interrupted: boolean;
  /**
   * Passes the entries of one read to `sink`. Returns whether the walk has ended.
   * @throws KernelError
   */
  step(sink: Sink): boolean;
  close(): void;
}

/** A dump that walks the table again when an interruption may have cost it an entry. */
export class CompleteDump<Sink extends DumpSink> {
  private readonly begin: () => TableWalk<Sink>;
  private readonly counters: DumpCounters;
  private walk: TableWalk<Sink>;
  private attempts = 1;

  /**
   * @param begin begins a walk through the whole table
   * @throws KernelError
   */
  constructor(begin: () => TableWalk<Sink>, counters: DumpCounters) {
    this.begin = begin;
    this.counters = counters;
    this.walk = begin();
  }

  /**
   * Passes the entries of one read to `sink`. Returns whether the dump has ended.
   * @throws KernelError
   */
  step(sink: Sink): boolean {
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
