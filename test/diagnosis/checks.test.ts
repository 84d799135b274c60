import { describe, expect, it } from 'vitest';
import { examine } from '../../src/diagnosis/checks.ts';
import type { Level } from '../../src/diagnosis/finding.ts';
import type { DaemonFact } from '../../src/facts/daemon/daemon-fact.ts';
import type { Facts } from '../../src/facts/facts.ts';
import type { EventFact } from '../../src/facts/kernel/sample.ts';
import type { NatPool, TableFact } from '../../src/facts/table/table-fact.ts';
import { HEALTHY, SAMPLE, TABLE, withSettings } from './healthy.ts';
import { C_NODE, heard, link, OURS, sides } from './running.ts';

const COUNT = 'net.netfilter.nf_conntrack_count';

function withTable(changed: Partial<TableFact>, facts: Facts = HEALTHY): Facts {
  return { ...facts, ctnetlink: { kind: 'answers', eventBuffer: 1, table: { ...TABLE, ...changed } } };
}

function withGrowth(grown: Readonly<Record<string, number>>, facts: Facts = HEALTHY): Facts {
  const counters = { ...SAMPLE.counters };
  for (const [name, grew] of Object.entries(grown)) counters[name] = { total: 1000, grew };
  return { ...facts, sample: { ...SAMPLE, counters } };
}

function withEntries(before: number, now: number, seconds = 5): Facts {
  const facts = withSettings({ [COUNT]: now });
  return { ...facts, sample: { ...SAMPLE, seconds, entriesBefore: before, entries: now } };
}

function withEvents(changed: Partial<EventFact>, facts: Facts): Facts {
  const sample = facts.sample!;
  return { ...facts, sample: { ...sample, events: { ...sample.events!, ...changed } } };
}

const RUNNING: Partial<Facts> = {
  socket: 'listening',
  lock: { exists: true, pid: 5, locked: true },
};

function withDaemon(changed: Partial<DaemonFact>): Facts {
  return { ...HEALTHY, ...RUNNING, daemon: { ...OURS, ...changed } };
}

const withCNode = (changed: Partial<DaemonFact>): Facts => ({
  ...HEALTHY,
  ...RUNNING,
  daemon: { ...C_NODE, ...changed },
});

const pool = (flows: number): NatPool => ({
  protocol: 'tcp',
  address: '203.0.113.1',
  destination: '198.51.100.7',
  port: 443,
  flows,
});
const PREDICTABLE: Partial<Facts> = {
  ruleSet: {
    chains: HEALTHY.ruleSet!.chains,
    sourceNat: [{ place: 'ip nat post', address: undefined, ports: undefined, randomise: 'nft replace it' }],
  },
};
const NARROW: Partial<Facts> = {
  ruleSet: {
    chains: HEALTHY.ruleSet!.chains,
    sourceNat: [
      { place: 'ip nat post', address: '203.0.113.1', ports: [1024, 1183], widen: 'nft replace it' },
    ],
  },
};

const backend = (address: string, flows: number, unreplied = 0) => ({
  protocol: 'tcp',
  service: '10.96.0.1',
  servicePort: 80,
  backend: address,
  backendPort: 8080,
  flows,
  unreplied,
});

/** Of a check: its level, and whether it names commands. */
type Expected = readonly [check: string, level: Level, commands: number];

const CASES: readonly (readonly [string, Facts, Expected])[] = [
  ['a table at 75 %', withEntries(197_000, 197_000), ['connection table', 'warning', 1]],
  ['a table at 90 %', withEntries(236_000, 236_000), ['connection table', 'problem', 1]],
  ['a table that is full in 5 minutes', withEntries(50_000, 53_500), ['connection table', 'warning', 1]],
  ['a table that is full in a minute', withEntries(50_000, 70_000), ['connection table', 'problem', 1]],
  ['early_drop', withGrowth({ early_drop: 3 }), ['drops', 'problem', 1]],
  ['drop with room left', withGrowth({ drop: 3 }), ['drops', 'problem', 0]],
  ['drop in a full table', withGrowth({ drop: 3 }, withEntries(262_144, 262_144)), ['drops', 'problem', 1]],
  [
    'ports that are used up',
    withGrowth(
      { drop: 160, insert_failed: 160 },
      withTable({ natPools: [pool(160)] }, { ...HEALTHY, ...NARROW }),
    ),
    ['insert_failed', 'problem', 1],
  ],
  [
    'ports that are not chosen at random',
    withGrowth(
      { drop: 4, insert_failed: 4, clash_resolve: 50 },
      withTable({ natPools: [pool(10), { ...pool(9), port: 80 }] }, { ...HEALTHY, ...PREDICTABLE }),
    ),
    ['insert_failed', 'warning', 1],
  ],
  [
    'a race of two packets',
    withGrowth({ drop: 4, insert_failed: 4, clash_resolve: 50 }),
    ['insert_failed', 'warning', 0],
  ],
  [
    'insertions that fail for no known reason',
    withGrowth({ insert_failed: 4 }),
    ['insert_failed', 'warning', 0],
  ],
  [
    'ports at 70 %',
    withTable({ natPools: [pool(115)] }, { ...HEALTHY, ...NARROW }),
    ['NAT ports', 'warning', 1],
  ],
  [
    'ports at 90 %',
    withTable({ natPools: [pool(150)] }, { ...HEALTHY, ...NARROW }),
    ['NAT ports', 'problem', 1],
  ],
  ['all ports of an address', withTable({ natPools: [pool(60_000)] }), ['NAT ports', 'problem', 0]],
  [
    'a log that says so',
    { ...HEALTHY, kernelLog: { state: 'read', tableFull: 3, lastSecondsAgo: 20, elsewhere: 0 } },
    ['kernel log', 'problem', 1],
  ],
  [
    'a log that said so hours ago',
    { ...HEALTHY, kernelLog: { state: 'read', tableFull: 3, lastSecondsAgo: 7000, elsewhere: 1 } },
    ['kernel log', 'warning', 0],
  ],
  [
    'a log that is not to be read',
    { ...HEALTHY, kernelLog: { state: 'unreadable', why: 'EPERM' } },
    ['kernel log', 'unseen', 0],
  ],
  ['a peer silent for 6 s', withDaemon({ replication: heard(6000) }), ['peer', 'warning', 0]],
  ['a peer silent for 31 s', withDaemon({ replication: heard(31_000) }), ['peer', 'problem', 0]],
  ["a C node's peer silent for the sample", withCNode({ receivedInSample: 0 }), ['peer', 'warning', 0]],
  [
    'a peer that was never heard',
    withCNode({ links: [link({ packetsReceived: 0 })], runtime: { uptime: 4000 } }),
    ['peer', 'problem', 0],
  ],
  [
    'a peer with other flows than this node has of it',
    withDaemon({
      replication: {
        ...heard(400),
        comparisons: { equal: 8, different: 1, last: { equal: false, here: 9, there: 10, agoMs: 20_000 } },
      },
    }),
    ['external cache', 'warning', 1],
  ],
  ['a cache that lacks flows', withDaemon({ flows: sides(600, 0) }), ['caches', 'problem', 1]],
  ['a cache with flows that ended', withDaemon({ flows: sides(1500, 0) }), ['caches', 'problem', 1]],
  [
    'UDP without answers',
    withTable({ udp: { ...TABLE.udp, flows: 900, unreplied: 500 } }),
    ['UDP', 'warning', 1],
  ],
  ['SYN_SENT', withTable({ tcp: { ...TABLE.tcp, flows: 920, synSent: 200 } }), ['TCP', 'warning', 2]],
  ['one source', withTable({ flows: 40_000, sources: [['10.0.0.5', 14_000]] }), ['top source', 'warning', 1]],
  [
    'idle connections',
    withTable({ tcp: { ...TABLE.tcp, establishedTimed: 890, establishedIdle: 300 } }),
    ['TCP timeout', 'warning', 1],
  ],
  [
    'streams that nearly end',
    withTable(
      { udp: { ...TABLE.udp, streams: 90, streamsLate: 40 } },
      withSettings({ 'net.netfilter.nf_conntrack_udp_timeout_stream': 30 }),
    ),
    ['UDP timeout', 'warning', 2],
  ],
  ['streams that begin again', withEvents({ udpRenewed: 4 }, HEALTHY), ['UDP timeout', 'warning', 2]],
  [
    'connections of one direction',
    withTable({ tcp: { ...TABLE.tcp, establishedOneSided: 30 } }),
    ['one-sided flows', 'warning', 0],
  ],
  ['invalid packets', withGrowth({ invalid: 50 }), ['invalid packets', 'warning', 1]],
  [
    'a backend that is gone',
    withTable({ refreshedUnanswered: [backend('10.0.1.1', 3, 3)] }),
    ['stale backend', 'warning', 1],
  ],
  [
    'a backend with most flows',
    withTable({ backends: [backend('10.0.1.1', 200), backend('10.0.1.2', 30), backend('10.0.1.3', 20)] }),
    ['skewed backends', 'warning', 1],
  ],
  ['chains that are too long', withGrowth({ chaintoolong: 2 }), ['hash chains', 'problem', 1]],
];

/** Findings that come with another one: a full table is also what the counters tell. */
const COMPANIONS: ReadonlySet<string> = new Set(['connection table', 'NAT ports', 'daemon: link eth1']);

describe('what is wrong', () => {
  it.each(CASES)('%s', (_, facts, [check, level, commands]) => {
    const bad = examine(facts).filter((finding) => finding.level !== 'ok');
    const others = bad.map((finding) => finding.check).filter((name) => name !== check);
    expect(others.filter((name) => !COMPANIONS.has(name))).toEqual([]);
    const found = bad.filter((finding) => finding.check === check);
    expect(found.map((one) => [one.level, one.commands?.length ?? 0])).toEqual([[level, commands]]);
    expect(found[0]!.level === 'unseen' || found[0]!.advice !== undefined).toBe(true);
  });
});

describe('what is not wrong', () => {
  it.each([
    ['a table that grows slowly', withEntries(50_000, 50_200)],
    ['a lone peer heard lately', withDaemon({})],
    ["a C node's peer that sends", withCNode({})],
    ['a small cache that differs by a few', withDaemon({ flows: sides(950, 0) })],
    ['some invalid packets among many flows', withEvents({ began: 2000 }, withGrowth({ invalid: 12 }))],
    ['a lone client on a quiet machine', withTable({ sources: [['10.0.0.5', 1000]] })],
    ['a few ports of many', withTable({ natPools: [pool(4000)] })],
    ['backends alike', withTable({ backends: [backend('10.0.1.1', 70), backend('10.0.1.2', 60)] })],
    [
      'a full table of another namespace',
      { ...HEALTHY, kernelLog: { state: 'read', tableFull: 0, elsewhere: 9 } },
    ],
    [
      'a full table of a namespace that had the number before',
      {
        ...HEALTHY,
        sample: { ...SAMPLE, counters: { ...SAMPLE.counters, drop: { total: 0, grew: 0 } } },
        kernelLog: { state: 'read', tableFull: 3, lastSecondsAgo: 20, elsewhere: 0 },
      },
    ],
  ] as [string, Facts][])('%s', (_, facts) => {
    expect(examine(facts).filter(({ level }) => level !== 'ok')).toEqual([]);
  });
});
