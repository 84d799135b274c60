import type { Fault } from './faults.ts';
import type { ClusterOptions } from './options.ts';
import { type Outcome, simulate } from './simulation.ts';

/** Maximum number of runs to try. */
const MAX_TRIES = 400;

export interface Shrunk {
  readonly options: ClusterOptions;
  readonly script: readonly Fault[];
  readonly outcome: Outcome;
  /** Runs that were played. */
  readonly tries: number;
}

/**
 * Searches for the smallest script of faults, in the smallest cluster, that still breaks the same rule.
 * @param progress called with each smaller script
 */
export async function shrink(
  failing: Outcome,
  progress: (faults: number, tries: number) => void,
): Promise<Shrunk> {
  const search = new Search(failing, progress);
  await search.fewerFaults();
  await search.simplerCluster();
  await search.shorterFaults();
  await search.fewerFaults();
  return search.best;
}

class Search {
  best: Shrunk;
  private tries = 0;
  private readonly rule: string;
  private readonly progress: (faults: number, tries: number) => void;

  constructor(failing: Outcome, progress: (faults: number, tries: number) => void) {
    this.rule = failing.violation!.rule;
    this.progress = progress;
    this.best = { options: failing.options, script: failing.script, outcome: failing, tries: 0 };
  }

  /** Leaves out halves, then quarters, and so on down to single faults (ddmin). */
  async fewerFaults(): Promise<void> {
    if (await this.try(this.best.options, [])) return;
    for (let parts = 2; ; ) {
      const { script } = this.best;
      const size = Math.ceil(script.length / parts);
      if (script.length < 2) return;
      let smaller = false;
      for (let from = 0; from < script.length && !smaller; from += size) {
        const left = [...script.slice(0, from), ...script.slice(from + size)];
        smaller = await this.try(this.best.options, left);
      }
      if (smaller) parts = Math.max(2, parts - 1);
      else if (size <= 1) return;
      else parts = Math.min(script.length, parts * 2);
    }
  }

  /** Tries options that make a run shorter to read. */
  async simplerCluster(): Promise<void> {
    const simpler: Partial<ClusterOptions>[] = [
      { steps: 1 },
      { active: [0] },
      { active: [1] },
      { population: 10 },
      { population: 3 },
      { rate: 20 },
      { mtu: 1500 },
      // More than two reach each other by multicast alone.
      ...(this.best.options.nodes.length > 2 ? [] : [{ multicast: false }]),
    ];
    for (const part of simpler) await this.try({ ...this.best.options, ...part }, this.best.script);
  }

  async shorterFaults(): Promise<void> {
    for (let n = 0; n < this.best.script.length; n++) {
      for (let again = true; again; ) {
        const fault = this.best.script[n];
        if (fault === undefined || !('lasts' in fault) || fault.lasts < 2) break;
        const shorter = { ...fault, lasts: Math.floor(fault.lasts / 2) };
        again = await this.try(this.best.options, this.best.script.with(n, shorter));
      }
    }
  }

  private async try(options: ClusterOptions, script: readonly Fault[]): Promise<boolean> {
    if (this.tries >= MAX_TRIES) return false;
    this.tries++;
    const outcome = await simulate(options, { script });
    if (outcome.violation?.rule !== this.rule) return false;
    // Rounds that were not played need no faults.
    const played = script.filter(({ round }) => round <= outcome.rounds);
    this.best = { options, script: played, outcome, tries: this.tries };
    this.progress(played.length, this.tries);
    return true;
  }
}
