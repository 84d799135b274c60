/** Facts about a machine on which all is well, for tests to change. */

import { parseConfig } from '../../src/config/parse.ts';
import { FACTS_VERSION, type Facts, type InterfaceFact, type Settings } from '../../src/facts/facts.ts';
import type { SampleFact } from '../../src/facts/kernel/sample.ts';
import type { TableFact } from '../../src/facts/table/table-fact.ts';

interface ConfigurationParts {
  readonly general?: string;
  readonly link?: string;
  readonly options?: string;
}

export const LINK = `UDP { IPv4_address 10.9.1.1
  IPv4_Destination_Address 10.9.1.2
  Port 3780
  Interface eth1
}`;

export function configuration({ general = '', link = LINK, options = '' }: ConfigurationParts = {}) {
  const lines = `Sync { Mode FTFW { }
  ${link}
  ${link.replace('UDP {', 'UDP Default {').replace('eth1', 'eth2').replace('3780', '3781')}
  Options { ${options} }
}
General {
  HashLimit 524288
  NetlinkBufferSize 2097152
  NetlinkBufferSizeMaxGrowth 8388608
  LockFile /run/ctd.lock
  UNIX { Path /run/ctd.ctl }
  ${general}
}
`;
  return { path: 'test.conf', parsed: parseConfig(lines, 'test.conf') };
}

export const DEVICE: InterfaceFact = {
  up: true,
  running: true,
  multicast: true,
  mtu: 1500,
  addresses: ['10.9.1.1', 'fe80::1'],
};

export const SETTINGS: Settings = {
  'net.netfilter.nf_conntrack_max': 262_144,
  'net.netfilter.nf_conntrack_count': 1000,
  'net.netfilter.nf_conntrack_buckets': 262_144,
  'net.netfilter.nf_conntrack_events': 2,
  'net.netfilter.nf_conntrack_tcp_be_liberal': 0,
  'net.netfilter.nf_conntrack_tcp_loose': 0,
  'net.netfilter.nf_conntrack_acct': 0,
  'net.netfilter.nf_conntrack_helper': undefined,
  'net.netfilter.nf_conntrack_timestamp': 0,
  'net.netfilter.nf_conntrack_tcp_timeout_established': 432_000,
  'net.netfilter.nf_conntrack_tcp_timeout_syn_sent': 120,
  'net.netfilter.nf_conntrack_udp_timeout': 30,
  'net.netfilter.nf_conntrack_udp_timeout_stream': 120,
  'net.core.rmem_max': 212_992,
  'net.core.wmem_max': 212_992,
  'net.core.netdev_max_backlog': 1000,
};

export const TABLE: TableFact = {
  flows: 1000,
  interrupted: false,
  malformed: 0,
  takenMs: 2,
  unreplied: 40,
  evictable: 50,
  offloaded: 0,
  kinds: [['tcp ESTABLISHED', 900]],
  sources: [['10.0.0.5', 700]],
  destinations: [['192.0.2.1', 900]],
  directionalZones: 0,
  tcp: {
    flows: 920,
    synSent: 10,
    established: 900,
    establishedOneSided: 0,
    establishedTimed: 890,
    establishedIdle: 12,
  },
  udp: { flows: 60, unreplied: 10, dns: 20, streams: 20, streamsLate: 1 },
  sourceTranslated: 0,
  natPools: [],
  destinationTranslated: 0,
  backends: [],
  refreshedUnanswered: [],
};

export const SAMPLE: SampleFact = {
  seconds: 5,
  counters: Object.fromEntries(
    [
      'found',
      'invalid',
      'insert',
      'insert_failed',
      'drop',
      'early_drop',
      'error',
      'search_restart',
      'clash_resolve',
      'chaintoolong',
    ].map((name) => [name, { total: 7, grew: 0 }]),
  ),
  entries: 1000,
  entriesBefore: 990,
  events: { began: 400, ended: 390, udpRenewed: 0, lost: false },
};

/** A machine on which all is well. */
export const HEALTHY: Facts = {
  version: FACTS_VERSION,
  node: '22.1.0',
  kernelRelease: '6.1.0-13-amd64',
  nativeTrouble: undefined,
  eventLoop: { description: 'direct polling', warnings: [] },
  privileges: { root: true, netAdmin: true },
  ctnetlink: {
    kind: 'answers',
    eventBuffer: 212_992,
    table: TABLE,
  },
  settingsFile: { path: '/etc/conntrackd/conntrackd-ts.toml', state: 'absent' },
  configuration: configuration(),
  interfaces: { eth1: DEVICE, eth2: DEVICE },
  lock: { exists: false, pid: undefined, locked: false },
  socket: 'absent',
  daemon: undefined,
  settings: SETTINGS,
  sample: SAMPLE,
  kernelLog: { state: 'read', tableFull: 0, elsewhere: 0 },
  rules: true,
  ruleSet: {
    chains: (['input', 'forward'] as const).map((hook) => ({
      table: 'inet filter',
      name: hook,
      hook,
      priority: 0,
      policy: 'drop',
      rules: [],
    })),
    sourceNat: [],
  },
  helperModules: ['nf_conntrack_ftp', 'nf_conntrack_h323'],
  processes: [],
  memoryLimit: undefined,
  clock: { now: Date.UTC(2026, 1, 1), installed: Date.UTC(2026, 0, 1) },
};

export function withSettings(changed: Partial<Settings>): Facts {
  return { ...HEALTHY, settings: { ...SETTINGS, ...changed } };
}
