import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { missingForLab } from '../../sim/netns/lab.ts';

const MAIN = fileURLToPath(new URL('../../dist/sim/faults/main.js', import.meta.url));
const SCENARIOS = ['one-way', 'interface-down', 'mtu-changed', 'control-half', 'control-garbage'];
const OPTIONS = ['--program', 'ours', '--flows', '1000', '--jobs', '5', '--json'];
const TIMEOUT_MS = 110_000;

interface Row {
  readonly name: string;
  readonly outcome: { readonly lacks: number; readonly dead: number; readonly recoverMs: number };
  readonly complaints: readonly string[];
}

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'prlimit', 'unshare'])).toEqual([]);
});

test('a pair of ours is equal again after quick faults', async () => {
  // SIGTERM, at the end of our patience, lets it tidy up.
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [MAIN, ...OPTIONS, '--only', SCENARIOS.join(',')],
    {
      timeout: TIMEOUT_MS,
    },
  ).catch((error: { stderr: string }) => {
    throw new Error(error.stderr);
  });
  const rows = JSON.parse(stdout) as readonly Row[];
  expect(rows.map(({ name }) => name)).toEqual(SCENARIOS);
  for (const { name, outcome, complaints } of rows) {
    expect({ name, complaints }).toEqual({ name, complaints: [] });
    expect(outcome).toMatchObject({ lacks: 0, dead: 0 });
  }
});
