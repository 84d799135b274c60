import type { Figure, Finding, Findings, Implementation } from './figure.ts';
import { median, pairedRatios, type Spread, spreadOf } from './statistics.ts';

/** A figure of both implementations over all rounds. */
export interface Result extends Figure {
  readonly measure: string;
  /** Medians. */
  readonly c: number;
  readonly ours: number;
  /** What the kernel alone took of ours, the median; undefined without such a limit. */
  readonly limit: number | undefined;
  /** ours in times of its limit, the median. */
  readonly overLimit: number | undefined;
  /** ours / C, of the values of the same round. */
  readonly ratio: Spread;
  /** All values, round by round. */
  readonly rounds: Readonly<Record<Implementation, readonly number[]>>;
  /** Whether the median ratio is within the target; undefined without one. */
  readonly reached: boolean | undefined;
}

/** The findings of one round. */
export type Round = Readonly<Record<Implementation, Findings>>;

/**
 * Combines a figure's rounds.
 * @throws Error if a round lacks the figure
 */
export function resultOf(measure: string, figure: Figure, rounds: readonly Round[]): Result {
  const of = (implementation: Implementation) =>
    rounds.map((round) => {
      const value = numberIn(round[implementation][figure.id]);
      if (value === undefined || Number.isNaN(value))
        throw new Error(`${measure}: no ${figure.id} of ${implementation}`);
      return value;
    });
  const [c, ours] = [of('c'), of('ours')];
  const limited = rounds.flatMap((round) => limitIn(round.ours[figure.id]) ?? []);
  const ratio = spreadOf(pairedRatios(ours, c));
  return {
    ...figure,
    measure,
    c: median(c),
    ours: median(ours),
    limit: limited.length === 0 ? undefined : median(limited.map(({ limit }) => limit)),
    overLimit: limited.length === 0 ? undefined : median(limited.map(({ value, limit }) => value / limit)),
    ratio,
    rounds: { c, ours },
    reached: isReached(figure, ratio.median, median(ours)),
  };
}

function numberIn(finding: Finding | undefined): number | undefined {
  return typeof finding === 'object' ? finding.value : finding;
}

function limitIn(finding: Finding | undefined): { value: number; limit: number } | undefined {
  if (typeof finding !== 'object' || finding.limit === undefined || finding.limit <= 0) return undefined;
  return { value: finding.value, limit: finding.limit };
}

function isReached(
  { target, oursAtMost, moreIsBetter }: Figure,
  ratio: number,
  ours: number,
): boolean | undefined {
  if (oursAtMost !== undefined) return ours <= oursAtMost;
  if (target === undefined) return undefined;
  return moreIsBetter ? ratio >= target : ratio <= target;
}
