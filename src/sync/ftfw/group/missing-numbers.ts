import { assert } from '../../../bytes/assert.ts';
import { after, before, next, previous, span } from '../../../wire/sequence.ts';

/** Maximum runs of missing numbers that are kept apart. */
export const RUNS_MAX = 32;

/** Consecutive numbers, both ends included. */
export interface Run {
  readonly from: number;
  readonly to: number;
}

/** True if this number is in one of the runs. */
export function isInRuns(runs: readonly Run[], sequence: number): boolean {
  return runs.some(({ from, to }) => !before(sequence, from) && !after(sequence, to));
}

/**
 * The numbers of one sender that were not received, from the first one that was on. Of more than {@link RUNS_MAX} runs the two
 * nearest become one: what was received between them counts as missing, and may come once more.
 */
export class MissingNumbers {
  /** Ascending; received numbers lie between two of them. */
  private readonly list: Run[] = [];
  private first = 0;

  /** What is before this number is not known: it may be missing or not. */
  get from(): number {
    return this.first;
  }

  get runs(): readonly Run[] {
    return this.list;
  }

  get isEmpty(): boolean {
    return this.list.length === 0;
  }

  /** Numbers are followed from this one on. */
  start(sequence: number): void {
    this.list.length = 0;
    this.first = sequence;
  }

  /** These numbers were skipped; they are after all that were added before. */
  add(from: number, to: number): void {
    const last = this.list.at(-1);
    assert(last === undefined || after(from, last.to), 'missing numbers are not in order');
    if (last !== undefined && from === next(last.to))
      this.list[this.list.length - 1] = { from: last.from, to };
    else this.list.push({ from, to });
    if (this.list.length > RUNS_MAX) this.joinNearest();
  }

  /** The sender awaits nothing before this number from us. Returns the last missing number that is forgotten, -1 if there is none. */
  forgetBefore(sequence: number): number {
    const { list } = this;
    let gone = 0;
    while (gone < list.length && before(list[gone]!.to, sequence)) gone++;
    let forgotten = list.splice(0, gone).at(-1)?.to ?? -1;
    const [one] = list;
    if (one !== undefined && before(one.from, sequence)) {
      list[0] = { from: sequence, to: one.to };
      forgotten = previous(sequence);
    }
    if (before(this.first, sequence)) this.first = sequence;
    return forgotten;
  }

  private joinNearest(): void {
    const { list } = this;
    let at = 1;
    let least = Number.POSITIVE_INFINITY;
    for (let n = 1; n < list.length; n++) {
      const between = span(list[n - 1]!.to, previous(list[n]!.from));
      if (between >= least) continue;
      least = between;
      at = n;
    }
    list.splice(at - 1, 2, { from: list[at - 1]!.from, to: list[at]!.to });
  }
}
