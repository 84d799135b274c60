import type { ConfigurationOptions, LabOptions } from '../netns/lab.ts';

/** Who runs: two C nodes, two of ours, or a C primary with a backup of ours. */
export const PAIR_KINDS = ['c', 'ours', 'mixed'] as const;
export type PairKind = (typeof PAIR_KINDS)[number];

/** Changes to the pair that a scenario needs. */
export interface PairChanges {
  readonly lab?: LabOptions;
  /** For both nodes. */
  readonly configuration?: ConfigurationOptions;
  /** The backup's own. */
  readonly backup?: ConfigurationOptions;
  /** Text of the settings file of our nodes. */
  readonly settings?: string;
}
