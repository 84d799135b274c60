import { namesIn } from '../arguments.ts';
import { commands } from './cases/commands.ts';
import { expectations } from './cases/expectations.ts';
import { FAILOVERS } from './cases/failover.ts';
import { FAULTS } from './cases/faults.ts';
import { REPLICATION } from './cases/replication.ts';
import type { TestCase } from './test-case.ts';

/** All cases, in the order of the grid. */
export const CASES: readonly TestCase[] = [...REPLICATION, ...FAILOVERS, expectations, ...FAULTS, commands];

/**
 * The cases with these names, with commas between; all if there is no text.
 * @throws RangeError for a name that no case has
 */
export function casesIn(text: string | undefined): readonly TestCase[] {
  const names = namesIn(
    'only',
    text,
    CASES.map(({ name }) => name),
  );
  return CASES.filter(({ name }) => names.includes(name));
}
