import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findingsJson } from '../../src/cli/doctor/doctor.ts';
import { statisticsJson as kernelStatisticsJson, statisticsReport } from '../../src/cli/flows/stats.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { Request } from '../../src/control/codes.ts';
import type { Snapshot, SyncSnapshot } from '../../src/control/snapshot.ts';
import { statisticsJson } from '../../src/control/statistics-json.ts';
import { LOG_EVENTS } from '../../src/daemon/process/log-entry.ts';
import { examine } from '../../src/diagnosis/checks.ts';
import type { Facts } from '../../src/facts/facts.ts';
import { parseSettings } from '../../src/settings/parse.ts';
import { HEALTHY } from '../diagnosis/healthy.ts';
import { mistakesIn, SCHEMAS, type Schema } from '../support/schemas.ts';
import { CACHE, FTFW, LINK, RUNTIME, STATS } from './snapshot.ts';

const STATISTICS = Object.entries(Request)
  .filter(([name]) => name.startsWith('STATISTICS'))
  .map(([, request]) => request);

const COUNT = { packets: 1, bytes: 60 };

/** A node that has all that a snapshot may have. */
const FULL: Required<SyncSnapshot> = {
  ...FTFW,
  role: {
    role: 'primary',
    since: 1_700_000_000_000,
    source: 'keepalived',
    changing: false,
    changes: 2,
    superseded: 1,
    lastTakeoverMs: 45,
    shortfall: 'all',
    lastCommit: { committed: 3, failed: 1, takenMs: 4, complete: true },
    keepalived: { notices: 2, malformed: 0 },
    guard: {
      state: 'waiting',
      interfaces: ['eth0'],
      since: 1_700_000_000_000,
      cause: '10.0.0.1 is still on eth0',
      dropped: COUNT,
      own: COUNT,
      raised: 1,
      lifted: 1,
      lapsed: 0,
      recreated: 0,
    },
  },
  standby: { kept: 1, refreshed: 2, lost: 0, removed: 0, memory: 65_536 },
  sharedFlows: {
    ...{ adopted: 4, known: 5, conflicts: 1, endsIgnored: 0 },
    ...{ lookedAt: 9, renewed: 2, restored: 0 },
  },
  helpers: {
    helpers: [
      {
        ...{ name: 'ftp', family: 'inet', transport: 'tcp', queueNum: 3, packets: 1, dropped: 0 },
        ...{ rewritten: 0, expectations: 1, expectationsRefused: 0, failed: 0 },
      },
    ],
    ...{ packets: 1, passed: 0, malformed: 0, verdictsFailed: 0, flows: 1, flowsForgotten: 0 },
  },
  runtime: {
    ...RUNTIME,
    eventBatches: { buckets: [[1, 3]], count: 4, sum: 7 },
    recheck: { comparisons: 1, changed: 0, gone: 0 },
    committed: 3,
    commitFailed: 0,
    resources: { ...RUNTIME.resources, flowLinesLost: 0 },
  },
  links: [
    {
      ...LINK,
      refused: { sender: { count: 1, last: '10.0.0.9' } },
      seal: { peers: 1, undelivered: 0 },
      serverConnected: true,
      clientConnected: false,
    },
  ],
  network: { ...FTFW.network, peer: { ...FTFW.network.peer, version: '1.4.6' } },
  processes: [{ pid: 1, type: 'commit' }],
  expectations: { internal: { ...CACHE }, external: { ...CACHE, name: 'external' } },
  replication: {
    ...FTFW.replication,
    inSync: false,
    reason: 'a commit failed',
    comparisons: { equal: 2, different: 1, last: { equal: false, here: 812, there: 813, agoMs: 30 } },
    ackDelay: {
      sinceStart: { buckets: [[1, 0]], count: 1, sum: 412.5 },
      lastMinute: { count: 1, p50Ms: 412.5, p99Ms: 412.5 },
    },
    lastBulk: { records: 3, agoMs: 10 },
    lastCommit: { committed: 3, failed: 1, takenMs: 4, complete: true, agoMs: 7 },
  },
  resendQueue: {
    length: 2,
    entries: [
      { kind: 'object', sequence: 8 },
      { kind: 'control', sequence: 9, flags: 8 },
    ],
  },
};

const DIRECT: SyncSnapshot = {
  ...FTFW,
  flows: {
    internal: { kind: 'bypass', created: 1, updated: 0, destroyed: 0 },
    external: {
      ...{ kind: 'inject', created: 1, createFailed: 0, updated: 0, updateFailed: 0 },
      ...{ destroyed: 0, destroyFailed: 0 },
    },
  },
};

const CONFIGURATION = `Sync { Mode FTFW { } Multicast { IPv4_address 225.0.0.50 Group 3780 IPv4_interface 10.9.1.1 Interface eth1 }
  Options { ExpectationSync { ftp } } }
General { LogFile on Syslog local0 LockFile /run/l UNIX { Path /run/s } Systemd on
  Filter From Kernelspace { Protocol Accept { TCP } Address Ignore { IPv4_address 127.0.0.1 IPv6_address ::1 }
    State Accept { ESTABLISHED for TCP } } }
Helper { Type ftp inet tcp { QueueNum 3 Policy ftp { ExpectMax 1 ExpectTimeout 300 } } }
`;

const OURS = `[failover]
keepalived_fifo = "/run/f"
instance = "v"
[failover.guard]
interfaces = ["eth0"]
allow = ["udp 4500-4501 from 2001:db8::/32", "icmp"]
[links]
senders = ["10.0.0.1"]
key_file = "/etc/k"
[metrics]
listen = "127.0.0.1:9637"
[log]
format = "json"
[process]
user = "nobody"
[peer]
version = "1.4.6"
`;

/** A snapshot as the facts have it: what the control socket tells, put together again. */
function daemonFact(snapshot: Snapshot): Facts['daemon'] {
  const { resendQueue: _, ...rest } = snapshot as SyncSnapshot;
  return { ...rest, receivedInSample: 3 };
}

describe('docs/schema', () => {
  it('is as its source says, and the tables of docs/json.md are', () => {
    const write = fileURLToPath(new URL('../../scripts/json-schema/write.mjs', import.meta.url));
    expect(execFileSync(process.execPath, [write, '--check'], { encoding: 'utf8' })).toBe('');
  });

  it('describes each member, and lets nothing in that it does not name', () => {
    const nodes = [...SCHEMAS.values()].flatMap(nodesOf);
    expect(nodes.length).toBeGreaterThan(1000);
    for (const node of nodes) {
      if (node.type === 'object') expect(node).toHaveProperty('additionalProperties');
      for (const member of Object.values((node.properties ?? {}) as Record<string, Schema>))
        expect(member.$ref ?? member.description, JSON.stringify(member)).toBeTruthy();
    }
  });

  it('refuses a member that it does not know, at every depth, and a missing one', () => {
    const { runtime, mode } = FTFW;
    expect(mistakesIn('statistics', { schema: 1, mode, runtime })).toEqual([]);
    expect(mistakesIn('statistics', { schema: 1, mode, runtime, news: 1 })).not.toEqual([]);
    const resources = { ...runtime.resources, news: 1 };
    expect(mistakesIn('statistics', { schema: 1, mode, runtime: { ...runtime, resources } })).toEqual([
      '/runtime/resources must NOT have additional properties {"additionalProperty":"news"}',
    ]);
    const { uptime: _, ...rest } = runtime;
    expect(mistakesIn('statistics', { schema: 1, mode, runtime: rest })).not.toEqual([]);
  });

  it('describes the statistics of every request in every mode', () => {
    for (const snapshot of [FTFW, FULL, DIRECT, STATS]) {
      for (const request of STATISTICS) {
        const answer = [...statisticsJson(request, snapshot)].join('');
        expect(mistakesIn('statistics', JSON.parse(answer)), answer).toEqual([]);
      }
    }
  });

  it('describes what doctor prints of any machine', () => {
    const { configuration, settingsFile, ctnetlink, kernelLog } = HEALTHY;
    const machines: Facts[] = [
      HEALTHY,
      { ...HEALTHY, daemon: daemonFact(FULL) },
      { ...HEALTHY, daemon: daemonFact(DIRECT) },
      { ...HEALTHY, daemon: daemonFact(STATS) },
      {
        ...HEALTHY,
        configuration: { path: 'c', parsed: parseConfig(CONFIGURATION, 'c') },
        settingsFile: { path: 's', state: 'usable', ours: parseSettings(OURS, 's') },
        interfaces: { eth1: undefined },
        memoryLimit: 1 << 30,
      },
      {
        ...HEALTHY,
        configuration: { path: 'c', trouble: 'no such file' },
        settingsFile: { path: 's', state: 'unusable', why: 'it is a folder' },
        ctnetlink: { kind: 'trouble', message: 'no' },
        kernelLog: { state: 'unreadable', why: 'no' },
        lock: undefined,
        daemon: undefined,
        sample: undefined,
        socket: undefined,
      },
    ];
    expect([configuration, settingsFile, ctnetlink, kernelLog]).not.toContain(undefined);
    for (const facts of machines) {
      const report = JSON.parse(findingsJson(examine(facts), facts));
      expect(mistakesIn('doctor', report)).toEqual([]);
    }
  });

  it("describes the kernel's counters", () => {
    const cpus = [{ cpu: 0, counters: new Map([['found', 3]]) }];
    const now = { cpus, entries: 7, maxEntries: 262_144 };
    for (const report of [statisticsReport(now), statisticsReport(now, now, 2)])
      expect(mistakesIn('kernel-statistics', JSON.parse(kernelStatisticsJson(report)))).toEqual([]);
  });
});

describe('the fields of the log', () => {
  it('are those of the schema', () => {
    const source = readFileSync(new URL('../../src/daemon/process/log-entry.ts', import.meta.url), 'utf8');
    const [, members] = /interface LogFields \{([\s\S]*?)\n\}/.exec(source)!;
    const names = [...members!.matchAll(/^ {2}readonly (\w+)/gm)].map(([, name]) => name!);
    const head = ['time', 'level', 'message', 'pid', 'host'];
    const { properties } = SCHEMAS.get('log-line') as { properties: object };
    expect([...head, ...names].sort()).toEqual(Object.keys(properties).sort());
  });
});

describe('docs/json.md', () => {
  it('explains each kind of line of the log', () => {
    const page = readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8');
    const [, table] = /\n\| `event` \| when \| fields \|\n([\s\S]*?)\n\n/.exec(page)!;
    const named = table!.split('\n').flatMap((row) => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)]);
    expect(named.map(([, name]) => name).sort()).toEqual([...LOG_EVENTS].sort());
  });
});

/** The schema and all within it. */
function nodesOf(schema: Schema): Schema[] {
  const inside = Object.entries(schema).flatMap(([key, value]) => {
    if (key === 'properties' || key === '$defs') return Object.values(value as Record<string, Schema>);
    if (key === 'items' || key === 'additionalProperties')
      return typeof value === 'object' ? [value as Schema] : [];
    return key === 'oneOf' || key === 'prefixItems' ? (value as Schema[]) : [];
  });
  return [schema, ...inside.flatMap(nodesOf)];
}
