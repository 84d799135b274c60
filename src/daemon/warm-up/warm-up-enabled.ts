import { isSwitchedOn } from '../process/environment-switch.ts';

/**
 * Whether the hot paths are warmed up after the start: unless CONNTRACKD_TS_WARM_UP is `off`. Without it a small machine is
 * left alone at the start, and the first events cost more.
 */
export function isWarmUpEnabled(environment: NodeJS.ProcessEnv, warn: (text: string) => void): boolean {
  return isSwitchedOn('CONNTRACKD_TS_WARM_UP', environment, warn);
}
