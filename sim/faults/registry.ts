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
 * The scenarios with these names, in the table's order; all if none is named.
 * @throws RangeError for a name that no scenario has
 */
export function chosenScenarios(names: readonly string[]): readonly Scenario[] {
  const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown.length > 0) throw new RangeError(`no scenario ${unknown.join(', ')}: see --list`);
  return names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name));
}
