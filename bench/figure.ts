/** The programs that are measured: a pair is two nodes of one implementation. */
export const IMPLEMENTATIONS = ['c', 'ours'] as const;
export type Implementation = (typeof IMPLEMENTATIONS)[number];

/** How a figure is printed; figures themselves are in the base unit that the name says. */
export type Unit = 'us' | 'ms' | 's' | 'bytes' | 'MB' | '/s';

/** One number that a measure finds for each implementation. */
export interface Figure {
  /** Unique among all measures: `event-new-primary`. */
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  /** The ratio ours / C that is aimed at: at most this, or at least this where more is better. */
  readonly target?: number;
  readonly moreIsBetter?: boolean;
}

/** What a measure found in one pair, by the ids of its figures. */
export type Findings = Readonly<Record<string, number>>;

export interface Sizes {
  /** Flows that the pair holds. */
  readonly flows: number;
  /** Numbers of flows at which memory is measured, ascending. */
  readonly memory: readonly number[];
  /** How long the measures that are paced last. */
  readonly seconds: number;
  /** Client commands that are timed, one after the other. */
  readonly commands: number;
  /** How often the search for the greatest rate halves its last step. */
  readonly halvings: number;
}

/** One measure: it opens a pair of the implementation, does its work, checks that it was done right, and returns what it took. */
export interface Measure {
  readonly name: string;
  figures(sizes: Sizes): readonly Figure[];
  /** @throws Error if the nodes did not do what they should have */
  run(implementation: Implementation, sizes: Sizes): Promise<Findings>;
}
