import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GridReport, VERDICTS, type Verdict } from '../../sim/interop/result.ts';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import { missingForLab } from '../../sim/netns/lab.ts';
import { childrenOf, parseXml } from '../interop-grid/xml.ts';
import { mistakesIn } from '../support/schemas.ts';

const MAIN = fileURLToPath(new URL('../../dist/sim/interop/main.js', import.meta.url));
const TIMEOUT_MS = 110_000;
const directory = mkdtempSync(join(tmpdir(), 'interop-grid-'));
const file = (name: string) => join(directory, name);

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'tcpdump'])).toEqual([]);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Plays a grid. SIGTERM, at the end of our patience, lets it tidy up. */
async function play(...args: readonly string[]) {
  const { code, stdout } = await promisify(execFile)(
    process.execPath,
    [MAIN, ...args, '--out', file('out'), '--json', file('grid.json'), '--junit', file('junit.xml')],
    { timeout: TIMEOUT_MS },
  ).then(
    ({ stdout: text }) => ({ code: 0, stdout: text }),
    (error: { code: number; stdout: string; stderr: string }) => {
      if (error.stdout === '') throw new Error(error.stderr);
      return error;
    },
  );
  const report = JSON.parse(readFileSync(file('grid.json'), 'utf8')) as GridReport;
  expect(mistakesIn('interop', report)).toEqual([]);
  const suites = parseXml(readFileSync(file('junit.xml'), 'utf8'));
  expect(Number(suites.attributes.tests)).toBe(report.results.length);
  expect(childrenOf(suites, 'testsuite')).toHaveLength(report.nodes.length ** 2);
  return { code, stdout, report };
}

test('C and ours pass, in both directions and each with itself', async () => {
  const { code, stdout, report } = await play(
    '--only',
    'ends',
    '--modes',
    'ftfw',
    '--links',
    'udp',
    '--jobs',
    '4',
  );
  expect(report.nodes.map(({ name }) => name)).toEqual(['c', 'ours']);
  for (const { version } of report.nodes) expect(version).toMatch(/^v\d+\.\d+\.\d+$/);
  expect(report.results).toMatchObject(
    ['c c', 'c ours', 'ours c', 'ours ours'].map((pair) => ({
      case: 'ends',
      primary: pair.split(' ')[0],
      backup: pair.split(' ')[1],
      verdict: 'pass',
    })),
  );
  expect(stdout).toContain('4 pass, 0 fail, 0 unsupported');
  expect(code).toBe(0);
});

const DEAD = '#!/bin/sh\necho out of order >&2\nexit 3\n';

/** C's node, with another address for its peer. */
const DEAF = `#!/bin/sh
for word; do
  case $word in */conntrackd.conf) sed -i 's/_Destination_Address .*/_Destination_Address 10.99.0.77/' "$word" ;; esac
done
exec ${cProgramPath()} "$@"
`;

const REFUSING = `#!/bin/sh
echo "parsing config file in line (2), symbol 'FTFW': syntax error" >&2
exit 1
`;

function script(name: string, text: string): string {
  writeFileSync(file(name), text);
  chmodSync(file(name), 0o755);
  return `${name}=${file(name)}`;
}

test('nodes that end at once, refuse the configuration, or send to nobody do not pass, and the failures are kept', async () => {
  const { code, stdout, report } = await play(
    ...['--node', script('dead', DEAD)],
    ...['--node', script('deaf', DEAF)],
    ...['--node', script('old', REFUSING)],
    ...['--only', 'greeting', '--modes', 'ftfw', '--links', 'udp', '--jobs', '9'],
  );
  expect(code).toBe(1);
  const of = (primary: string, backup: string) =>
    report.results.find((one) => one.primary === primary && one.backup === backup)!;
  const count = (verdict: Verdict) => report.results.filter((one) => one.verdict === verdict).length;
  expect(VERDICTS.map(count)).toEqual([0, 6, 3]);
  expect(of('old', 'old')).toMatchObject({
    reason: "old: parsing config file in line (2), symbol 'FTFW': syntax error",
  });

  const dead = of('dead', 'deaf');
  expect(dead.reason).toMatch(/ended before its control socket answered.*out of order/);
  expect(readFileSync(join(dead.evidence!, 'primary-1', 'conntrackd.conf'), 'utf8')).toContain('Mode FTFW');
  expect(readFileSync(join(dead.evidence!, 'reason.txt'), 'utf8')).toContain('out of order');

  const deaf = of('deaf', 'deaf');
  expect(deaf.reason).toMatch(/^a packet at both nodes: not within/);
  for (const folder of ['primary-1', 'backup-1']) {
    const kept = (name: string) => readFileSync(join(deaf.evidence!, folder, name), 'utf8');
    expect(kept('log')).toContain('initialization completed');
    expect(kept('statistics.txt')).toContain('Malformed messages:');
    expect(kept('conntrackd.conf')).toContain('10.99.0.77');
  }
  // A pcap without packets is its header of 24 bytes.
  expect(statSync(join(deaf.evidence!, 'sync0.pcap')).size).toBeGreaterThan(24);
  for (const name of ['dead', 'deaf', 'old']) {
    expect(stdout).toContain(`nothing was shown about ${name}: it passed no case`);
  }
});
