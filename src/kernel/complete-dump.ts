import type { Dump, DumpCounters, KernelSink } from './kernel.ts';

/** Dumps of one table begun at most before an interrupted one is taken as it is. */
const ATTEMPTS_MAX = 4;

/**
 * A dump that begins again when the table changed underneath (NLM_F_DUMP_INTR, netlink(7)), so that its sink misses nothing
 * that lives. The sink may be given an entry more than once.
 */
export class CompleteDump implements Dump {
  private readonly begin: () => Dump;
  private readonly counters: DumpCounters;
  private dump: Dump;
  private attempts = 1;

  /**
   * @param begin begins a dump of the whole table
   * @throws KernelError
   */
  constructor(begin: () => Dump, counters: DumpCounters) {
    this.begin = begin;
    this.counters = counters;
    this.dump = begin();
  }

  /** True once the last attempt was interrupted too: an entry may be missing. */
  get interrupted(): boolean {
    return this.dump.interrupted && this.attempts === ATTEMPTS_MAX;
  }

  step(sink: KernelSink): boolean {
    if (!this.dump.step(sink)) return false;
    if (!this.dump.interrupted) return true;
    this.counters.interruptedDumps++;
    if (this.attempts === ATTEMPTS_MAX) {
      this.counters.incompleteDumps++;
      return true;
    }
    this.dump.close();
    this.attempts++;
    this.dump = this.begin();
    return false;
  }

  close(): void {
    this.dump.close();
  }
}
