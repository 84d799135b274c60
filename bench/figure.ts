/** The programs that the bench compares. */
export const IMPLEMENTATIONS = ['c', 'ours'] as const;
export type Implementation = (typeof IMPLEMENTATIONS)[number];

/** What the nodes of a pair run: an implementation, or ours on the other Node, where one is named. */
export type Contender = Implementation | 'other';

/** How a figure is printed; the figures themselves are in the base unit that the name states. */
export type Unit = 'us' | 'ms' | 's' | 'bytes' | 'MB' | '/s' | '%' | 'times';

/** One number that a measure finds for each implementation. */
export interface Figure {
  /** Unique among all measures: `event-new-primary`. */
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  /** The target for the ratio ours / C: at most this, or at least this where more is better. */
  readonly target?: number;
  /** The target for our own figure, in its unit: at most this, whatever C's is. Instead of `target`. */
  readonly oursAtMost?: number;
  readonly moreIsBetter?: boolean;
}

/** A figure of one pair, and what the kernel alone took of it: no program that makes the same system calls takes less. */
export interface Limited {
  readonly value: number;
  /** Undefined where it could not be told. */
  readonly limit: number | undefined;
}

export type Finding = number | Limited;

/** What a measure found in one pair, by the ids of its figures. */
export type Findings = Readonly<Record<string, Finding>>;

export interface Sizes {
  /** Flows that the pair holds. */
  readonly flows: number;
  /** Numbers of flows at which the bench measures memory, ascending. */
  readonly memory: readonly number[];
  /** Duration of the measures that run at a fixed rate. */
  readonly seconds: number;
  /** Number of client commands to time, one after the other. */
  readonly commands: number;
  /** How often the search for the greatest rate halves its last step. */
  readonly halvings: number;
}

/** One measure: opens a pair of the contender, does its work, checks the result, and returns what the work cost. */
export interface Measure {
  readonly name: string;
  figures(sizes: Sizes): readonly Figure[];
  /** @throws Error if the nodes did not do what they should */
  run(contender: Contender, sizes: Sizes): Promise<Findings>;
}
