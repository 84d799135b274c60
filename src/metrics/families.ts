import type { NodeFigures } from '../control/node-figures.ts';
import { cacheFamilies } from './cache-families.ts';
import { failoverFamilies } from './failover-families.ts';
import { type Family, gauge } from './family.ts';
import { helperFamilies } from './helper-families.ts';
import { linkFamilies } from './link-families.ts';
import { replicationFamilies } from './replication-families.ts';
import { runtimeFamilies } from './runtime-families.ts';
import { sharedFlowsFamilies } from './shared-flows-families.ts';

/** Everything that a node's statistics say. */
export function nodeFamilies(figures: NodeFigures): Family[] {
  return [
    ...cacheFamilies(figures),
    ...linkFamilies(figures),
    ...replicationFamilies(figures),
    ...runtimeFamilies(figures),
    ...failoverFamilies(figures),
    ...sharedFlowsFamilies(figures),
    ...helperFamilies(figures),
  ];
}

/** Which program runs, and in which mode. */
export function buildFamily(labels: {
  readonly version: string;
  readonly node: string;
  readonly mode: string;
}): Family {
  return gauge('conntrackd_build_info', 'The program that runs: always 1.', [[labels, 1]]);
}
