import type { Commit } from '../../../kernel/apply/commit.ts';
import { secondsOf } from '../../../table/seconds.ts';
import type { Runtime } from '../../common/runtime.ts';

/** A commit under way, one batch of requests a turn. */
export class CommitRun {
  readonly commit: Commit;
  private readonly runtime: Runtime;
  private readonly isCancelled: () => boolean;
  private readonly startMs: number;
  private batches = 0;
  private done = false;
  /** How long the batches have taken until now, in ms. */
  elapsedMs = 0;

  /** @param isCancelled whether no further batch may be run */
  constructor(commit: Commit, runtime: Runtime, isCancelled: () => boolean) {
    this.commit = commit;
    this.runtime = runtime;
    this.isCancelled = isCancelled;
    this.startMs = runtime.now();
  }

  /**
   * Runs the next batch, after everything else has had its turn. Resolves to false if there was none left.
   * @throws KernelError if the kernel does not answer
   */
  async runBatch(): Promise<boolean> {
    if (this.done) return false;
    if (this.batches > 0) await this.runtime.yieldToLoop();
    if (this.isCancelled()) return false;
    this.batches++;
    this.done = this.commit.step(secondsOf(this.runtime.now()));
    this.elapsedMs = this.runtime.now() - this.startMs;
    return true;
  }
}
