import { namesIn } from '../arguments.ts';
import type { Scenario } from './scenario.ts';
import { BURSTS } from './scenarios/bursts.ts';
import { CONTROL } from './scenarios/control.ts';
import { FAILOVERS } from './scenarios/failover.ts';
import { FORGED_CONTROL } from './scenarios/forged-control.ts';
import { LINK_FAULTS } from './scenarios/link-faults.ts';
import { RESOURCES } from './scenarios/resources.ts';
import { RESTARTED } from './scenarios/restarts.ts';
import { STRANGER_RECORDS } from './scenarios/stranger-records.ts';
import { STRANGER_REQUESTS } from './scenarios/stranger-requests.ts';

/** All scenarios, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  ...STRANGER_RECORDS,
  ...STRANGER_REQUESTS,
  ...FORGED_CONTROL,
  ...RESTARTED,
  ...LINK_FAULTS,
  ...BURSTS,
  ...FAILOVERS,
  ...CONTROL,
  ...RESOURCES,
];

/**
 * The scenarios with these names, with commas between, in the table's order; all if there is no text.
 * @throws RangeError for a name that no scenario has
 */
export function chosenScenarios(text: string | undefined): readonly Scenario[] {
  const names = namesIn(
    'only',
    text,
    SCENARIOS.map(({ name }) => name),
  );
  return SCENARIOS.filter(({ name }) => names.includes(name));
}
