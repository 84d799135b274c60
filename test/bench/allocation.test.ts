import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { SteadyState } from '../../bench/micro/steady-state-report.ts';

/** As built: what vitest makes of modules costs a call for each use of an import, and allocates. */
const program = fileURLToPath(new URL('../../dist/bench/micro/steady-state.js', import.meta.url));

/**
 * Bytes an event that are no sign of an object for each: an object now and then for a batch or an acknowledged window, and
 * what the compiler notes. The smallest object has 16 bytes.
 */
const TOLERANCE = 8;

test('a kernel event goes into the cache of the peer with nothing allocated for it', {
  timeout: 30_000,
}, () => {
  const text = execFileSync(process.execPath, [program], { encoding: 'utf8' });
  const { updates, renewals, withAnObject, flows, expected } = JSON.parse(text) as SteadyState;
  expect(flows).toBe(expected);
  expect(updates).toBeLessThan(TOLERANCE);
  expect(renewals).toBeLessThan(TOLERANCE);
  expect(updates).not.toBeNull();
  expect(renewals).not.toBeNull();
  expect(withAnObject).toBeGreaterThan(TOLERANCE);
});
