import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ConfigurationText, NodePlace } from '../../sim/netns/configuration.ts';
import { adaptedExample } from '../../sim/netns/examples.ts';
import {
  ADDRESSES,
  cProgram,
  type Lab,
  missingForLab,
  type Program,
  sampleFlows,
  syncAddress,
  tcpLoad,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { ourProgram, PAIRS } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

const MODES = ['ftfw', 'notrack', 'alarm'] as const;

/** An example for two firewalls with nothing exchanged but paths, interface and addresses. */
async function syncExample(mode: (typeof MODES)[number]): Promise<ConfigurationText> {
  const texts = { a: '', b: '' };
  for (const side of ['a', 'b'] as const) {
    texts[side] = await adaptedExample(`sync/${mode}/conntrackd.conf`, [
      ['192.168.100.100', syncAddress(side, 0).v4],
      ['Interface eth2', 'Interface sync0'],
      ['192.168.0.100 ', `${ADDRESSES.insideVirtual.v4} `],
      ['192.168.1.100 ', `${ADDRESSES.outsideVirtual.v4} `],
      ['IPv4_address 192.168.0.1\n', `IPv4_address ${ADDRESSES.inside[side].v4}\n`],
      ['IPv4_address 192.168.1.1\n', `IPv4_address ${ADDRESSES.outside[side].v4}\n`],
      ...PATHS,
    ]);
  }
  return (place) => inPlace(texts[place.side], place);
}

const PATHS = [
  ['LockFile /var/lock/conntrack.lock', 'LockFile @lock'],
  ['Path /var/run/conntrackd.ctl', 'Path @ctl'],
  ['LogFile on', 'LogFile @log'],
] as const;

function inPlace(text: string, { paths }: NodePlace): string {
  return text
    .replaceAll('@lock', paths.lockFile)
    .replaceAll('@ctl', paths.controlSocket)
    .replaceAll('@log', paths.logFile);
}

/** TCP and SCTP, of which the examples let only those through whose addresses are nobody's. */
async function loadAll(lab: Lab): Promise<void> {
  await lab.a.load(tcpLoad(50));
  for (const { arguments: words } of sampleFlows()) await lab.a.conntrack(...words);
}

describe.concurrent.each(MODES)("Debian's example sync/%s", (mode) => {
  test.each(PAIRS)('replicates the same and survives a failover: $name', async ({ primary, backup }) => {
    const configuration = await syncExample(mode);
    await withLab({}, async (lab) => {
      await lab.startNodes({
        a: { program: primary, configuration },
        b: { program: backup, configuration },
      });
      await loadAll(lab);
      const tcp = await lab.connect();
      expect(await tcp.exchange()).toMatchObject({ ok: true });
      await lab.replicated(tcp);
      const [a, b] = [lab.a.node(), lab.b.node()];
      const names = await until('the caches are equal', async () => {
        const [internal, external] = await Promise.all([a.cache('internal'), b.cache('external')]);
        expect(external.length).toBe(internal.length);
        return [...new Set(external.map(({ protocol }) => protocol))].sort();
      });
      expect(names).toEqual(['sctp', 'tcp']);
      await lab.failover({ commit: true });
      expect(await tcp.exchange()).toMatchObject({ ok: true });
    });
  });
});

/** What a node with the example for statistics has counted and logged of some flows. */
async function statistics(program: Program) {
  const text = await adaptedExample('stats/conntrackd.conf', PATHS);
  return withLab({ sysctl: { 'net.netfilter.nf_conntrack_acct': 1 } }, async (lab) => {
    const configuration: ConfigurationText = (place) =>
      inPlace(text, { ...place, paths: { ...place.paths, logFile: place.paths.statsLogFile } });
    const node = await lab.a.start({ program, configuration });
    for (const { arguments: words } of sampleFlows()) await lab.a.conntrack(...words);
    const tcp = await lab.connect({ localPort: 31_000 });
    for (let n = 0; n < 3; n++) await tcp.exchange();
    const cache = await until('all are there', async () => {
      const flows = await node.cache('internal');
      return flows.some(({ original }) => original.sport === '31000') ? flows : undefined;
    });
    // The client may delay its last acknowledgement, which counts as a packet, by 40 ms and more.
    await until(
      'the client has acknowledged everything',
      async () => !(await lab.server.must('ss', ['-Htni', 'state', 'established'])).includes('unacked:'),
    );
    await lab.a.conntrack('-F');
    const active = () =>
      node.command('-s').then((all) => /current active connections:\s+(\d+)/.exec(all)?.[1]);
    await until('all have ended', async () => (await active()) === '0');
    await node.command('-k');
    await until('it has ended', () => !node.running());
    const logged = await readFile(join(node.paths.directory, 'stats-log'), 'utf8');
    return {
      cache: cache.map((flow) => flow.text),
      logged: logged
        .replace(/^\w{3} \w{3} +\d+ [\d:]+ \d{4}/gm, 'TIME')
        .split('\n')
        .sort(),
    };
  });
}

describe("Debian's example stats", () => {
  test('counts and logs the same flows as in C', async () => {
    const [c, ours] = await Promise.all([statistics(cProgram), statistics(ourProgram)]);
    expect(c.logged.length).toBeGreaterThan(10);
    expect(c.cache.length).toBeGreaterThan(10);
    expect(ours).toEqual(c);
  });
});
