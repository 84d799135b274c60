import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Outcome } from '../../bench/failover/outcome.ts';
import type { CellResult } from '../../bench/failover/run.ts';
import { missingForLab } from '../../sim/netns/lab.ts';

const BENCH = fileURLToPath(new URL('../../dist/bench/main.js', import.meta.url));
/** Milliseconds. It takes some 40 s alone on two cores, and other tests run beside it. */
const PATIENCE_MS = 240_000;
/** By how many connections the C node may do better than ours: some three arrive in each millisecond. */
const TOLERANCE = 5;

const own = mkdtempSync(join(tmpdir(), 'failover-bench-'));

async function bench(...ways: readonly string[]): Promise<Map<string, Outcome>> {
  const file = join(own, 'results.json');
  const choice = ['--only', 'failover', '--quick', '--inputs', 'accepts', '--ways', ways.join(',')];
  await promisify(execFile)(process.execPath, [BENCH, ...choice, '--json', file], {
    // A node that waits for its primary to die has run for long.
    env: { ...process.env, TMPDIR: own, CONNTRACKD_TS_WARM_UP: 'on' },
    timeout: PATIENCE_MS,
  });
  const { failovers } = JSON.parse(readFileSync(file, 'utf8')) as { failovers: CellResult[] };
  rmSync(file);
  return new Map(failovers.map(({ way, rounds }) => [way, rounds[0]!]));
}

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'chrt'])).toEqual([]);
});

afterAll(() => {
  rmSync(own, { recursive: true, force: true });
});

describe('300 connections with traffic, where the firewall accepts what is for itself', () => {
  test('live on without a failover, and are all lost where the backup does not commit', {
    timeout: PATIENCE_MS + 10_000,
  }, async () => {
    const outcomes = await bench('no-failover', 'no-commit');
    const calm = outcomes.get('no-failover')!;
    expect(calm).toMatchObject({ lost: 0, missed: 0 });
    // Each end sends something every 100 ms, or later where the machine is busy.
    expect(calm.silenceMedianMs).toBeGreaterThan(95);
    expect(outcomes.get('no-commit')).toMatchObject({ lost: 300 });
  });

  test('are all saved by a hot standby and by the guard, and by the FIFO and by the script at least as many as by the C node', {
    timeout: PATIENCE_MS + 10_000,
    // The C node and ours take over one after the other, on a machine that does other things.
    retry: 2,
  }, async () => {
    const outcomes = await bench('c-script', 'ours-script', 'ours-fifo', 'ours-guard', 'ours-hot');
    expect(outcomes.get('ours-hot')).toMatchObject({ lost: 0, missed: 0 });
    expect(outcomes.get('ours-guard')).toMatchObject({ lost: 0, missed: 0 });
    const c = outcomes.get('c-script')!;
    for (const ours of [outcomes.get('ours-script')!, outcomes.get('ours-fifo')!]) {
      expect(ours.lost).toBeLessThanOrEqual(c.lost + TOLERANCE);
      expect(ours.committedMs).toBeGreaterThan(0);
    }
    expect(readdirSync(own)).toEqual([]);
  });
});
