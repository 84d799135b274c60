import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IMPLEMENTATIONS } from '../../bench/figure.ts';
import { MEASURES } from '../../bench/measures.ts';
import { parseOptions } from '../../bench/options.ts';
import { missingForLab } from '../../sim/netns/lab.ts';

const BENCH = fileURLToPath(new URL('../../dist/bench/main.js', import.meta.url));
/** Some of what there is, in small sizes; `npm run bench -- --quick` measures all. */
const MEASURED = MEASURES.filter(({ name }) =>
  ['resync', 'commit', 'client', 'start', 'flush'].includes(name),
);
const QUICK = ['--quick', '--only', MEASURED.map(({ name }) => name).join(',')];
/** Milliseconds. It takes some 20 s alone on two cores, and other tests run beside it. */
const PATIENCE = 240_000;
const TABLE_LIMIT = '/proc/sys/net/nf_conntrack_max';

/** A number and its unit. A growth of memory may be below nothing where so little is measured. */
const FIGURE = /^-?\d[\d.]* \S+$/;

/** The bench's own directory for temporary files: each of its laboratories has one in it, with its name. */
const own = mkdtempSync(join(tmpdir(), 'bench-quick-'));
const laboratories = new Set<string>();

function look(): void {
  for (const entry of readdirSync(own)) laboratories.add(entry.split('-').slice(0, 2).join('-'));
}

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

afterAll(() => {
  rmSync(own, { recursive: true, force: true });
});

test('the quick bench finds nothing wrong, measures what it is asked for of both kinds, and leaves nothing', {
  timeout: PATIENCE + 10_000,
}, async () => {
  const limit = readFileSync(TABLE_LIMIT, 'latin1');
  const watch = setInterval(look, 250);
  // A bench that does wrong has an exit code, which rejects. SIGTERM, at the end of our patience, lets it tidy up.
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [BENCH, ...QUICK], {
    env: { ...process.env, TMPDIR: own, CONNTRACKD_TS_WARM_UP: 'on' },
    timeout: PATIENCE,
  }).finally(() => clearInterval(watch));

  const { sizes } = parseOptions(QUICK);
  const rows = stdout.split('\n').filter((line) => line.startsWith('| '));
  const cells = rows.slice(1).map((row) => row.split('|').map((cell) => cell.trim()));
  expect(cells.map(([, title]) => title)).toEqual(
    MEASURED.flatMap((measure) => measure.figures(sizes).map(({ title }) => title)),
  );
  for (const [, title, c, ours] of cells) {
    expect(c, `${title}, C`).toMatch(FIGURE);
    expect(ours, `${title}, ours`).toMatch(FIGURE);
  }
  for (const { name } of MEASURED) {
    for (const kind of IMPLEMENTATIONS) expect(stderr).toContain(`${name}, round 1 of 1, ${kind}: `);
  }

  expect(laboratories.size).toBeGreaterThanOrEqual(MEASURED.length * IMPLEMENTATIONS.length);
  expect(readdirSync(own)).toEqual([]);
  const namespaces = readdirSync('/run/netns');
  expect(namespaces.filter((name) => [...laboratories].some((id) => name.startsWith(id)))).toEqual([]);
  expect(readFileSync(TABLE_LIMIT, 'latin1')).toBe(limit);
});
