import type { Contender, Figure, Finding, Findings, Implementation } from './figure.ts';
import { median, pairedRatios, type Spread, spreadOf } from './statistics.ts';

/** A figure of ours, on one Node, beside C's over all rounds. */
export interface Comparison {
  /** The median. */
  readonly ours: number;
  /** What the kernel alone took of ours, the median; undefined without such a limit. */
  readonly limit: number | undefined;
  /** ours in times of its limit, the median. */
  readonly overLimit: number | undefined;
  /** ours / C, of the values of the same round. */
  readonly ratio: Spread;
  /** Whether the median ratio is within the target; undefined without one. */
  readonly reached: boolean | undefined;
}

/** A figure of all that was compared. */
export interface Result extends Figure, Comparison {
  readonly measure: string;
  /** The median. */
  readonly c: number;
  /** Of ours on the other Node, where one was named. */
  readonly other: Comparison | undefined;
  /** All values, round by round. */
  readonly rounds: Readonly<Partial<Record<Contender, readonly number[]>>>;
}

/** The findings of one round. */
export type Round = Readonly<Record<Implementation, Findings> & { other?: Findings }>;

/**
 * Combines a figure's rounds.
 * @throws Error if a round lacks the figure
 */
export function resultOf(measure: string, figure: Figure, rounds: readonly Round[]): Result {
  const of = (contender: Contender) =>
    rounds.map((round) => {
      const value = numberIn(round[contender]?.[figure.id]);
      if (value === undefined || Number.isNaN(value))
        throw new Error(`${measure}: no ${figure.id} of ${contender}`);
      return value;
    });
  const c = of('c');
  const compare = (contender: Exclude<Contender, 'c'>): Comparison => {
    const ours = of(contender);
    const limited = rounds.flatMap((round) => limitIn(round[contender]?.[figure.id]) ?? []);
    const ratio = spreadOf(pairedRatios(ours, c));
    return {
      ours: median(ours),
      limit: limited.length === 0 ? undefined : median(limited.map(({ limit }) => limit)),
      overLimit: limited.length === 0 ? undefined : median(limited.map(({ value, limit }) => value / limit)),
      ratio,
      reached: isReached(figure, ratio.median, median(ours)),
    };
  };
  const hasOther = rounds.some(({ other }) => other !== undefined);
  return {
    ...figure,
    ...compare('ours'),
    measure,
    c: median(c),
    other: hasOther ? compare('other') : undefined,
    rounds: { c, ours: of('ours'), ...(hasOther ? { other: of('other') } : {}) },
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
