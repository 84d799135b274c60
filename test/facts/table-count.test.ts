import { describe, expect, it } from 'vitest';
import { HeavyHitters } from '../../src/facts/table/heavy-hitters.ts';
import { TableCount } from '../../src/facts/table/table-count.ts';
import { UnansweredWatch } from '../../src/facts/table/unanswered-watch.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { listFlow } from '../../src/flow/listed/from-flow.ts';
import { ListedFlow } from '../../src/flow/listed/listed-flow.ts';
import { Status } from '../../src/flow/status.ts';

const READING = { interrupted: false, malformed: 0, takenMs: 1 };
const TIMEOUTS: Readonly<Record<string, number>> = {
  tcp_timeout_established: 432_000,
  tcp_timeout_max_retrans: 300,
  tcp_timeout_unacknowledged: 300,
  udp_timeout_stream: 120,
  udp_timeout: 30,
};

interface Parts {
  readonly source?: string;
  readonly protocol?: number;
  readonly sport?: number;
  readonly dport?: number;
  readonly state?: number;
  readonly status?: number;
  readonly timeout?: number;
  readonly id?: number;
  /** Of the reply: its source, and its destination. */
  readonly backend?: string;
  readonly translated?: string;
}

const { SEEN_REPLY, ASSURED, SRC_NAT, DST_NAT, OFFLOAD } = Status;

function listed(parts: Parts): ListedFlow {
  const { source = '10.0.0.1', protocol = 6, sport = 1000, dport = 80, state, status = 0 } = parts;
  const flow: Flow = {
    original: {
      family: 4,
      source,
      destination: '192.0.2.1',
      protocol,
      ports: { source: sport, destination: dport },
    },
    reply: {
      family: 4,
      source: parts.backend ?? '192.0.2.1',
      destination: parts.translated ?? source,
      protocol,
      ports: { source: dport, destination: sport },
    },
    status,
    timeout: parts.timeout ?? 100,
    id: parts.id ?? 1,
    ...(state === undefined ? {} : { tcp: { state } }),
  };
  const to = new ListedFlow();
  listFlow(flow, to);
  return to;
}

function count(flows: readonly Parts[]) {
  const counted = new TableCount((name) => TIMEOUTS[name]);
  for (const parts of flows) counted.add(listed(parts));
  return counted.result(READING, []);
}

const times = (number: number, parts: (n: number) => Parts): Parts[] =>
  Array.from({ length: number }, (_, n) => parts(n));

describe('a count of the table', () => {
  it('tells kinds, sources, and what may be dropped for new flows', () => {
    const result = count([
      ...times(5, (n) => ({ sport: n, state: 3, status: SEEN_REPLY | ASSURED })),
      ...times(3, (n) => ({ source: '10.0.0.2', protocol: 17, sport: n })),
      { source: '10.0.0.2', state: 1 },
      { source: '10.0.0.2', protocol: 17, status: SEEN_REPLY | ASSURED | OFFLOAD, dport: 53 },
    ]);
    expect(result).toMatchObject({ flows: 10, unreplied: 4, evictable: 4, offloaded: 1 });
    expect(result.kinds).toEqual([
      ['tcp ESTABLISHED', 5],
      ['udp unreplied', 3],
      ['tcp SYN_SENT', 1],
      ['udp', 1],
    ]);
    expect(result.sources).toEqual([
      ['10.0.0.1', 5],
      ['10.0.0.2', 5],
    ]);
    expect(result.tcp).toMatchObject({ flows: 6, synSent: 1, established: 5, establishedOneSided: 0 });
    expect(result.udp).toMatchObject({ flows: 4, unreplied: 3, dns: 1, streams: 1 });
  });

  it('knows idle connections, streams that nearly end, and connections of one direction', () => {
    const open = { state: 3, status: SEEN_REPLY | ASSURED };
    const result = count([
      { ...open, timeout: 432_000 - 10 },
      { ...open, timeout: 432_000 - 4000 },
      // It may wait for an acknowledgement.
      { ...open, timeout: 200 },
      { state: 3, status: 0, timeout: 431_999 },
      { protocol: 17, status: SEEN_REPLY | ASSURED, timeout: 50 },
      { protocol: 17, status: SEEN_REPLY | ASSURED, timeout: 119 },
    ]);
    expect(result.tcp).toEqual({
      flows: 4,
      synSent: 0,
      established: 4,
      establishedOneSided: 1,
      establishedTimed: 3,
      establishedIdle: 1,
    });
    expect(result.udp).toMatchObject({ streams: 2, streamsLate: 1 });
  });

  it('groups translated sources by what a port must be one flow’s in, and destinations by backend', () => {
    const snat = (translated: string) => ({ translated, status: SRC_NAT | SEEN_REPLY });
    const dnat = (backend: string, status = SEEN_REPLY) => ({ backend, status: DST_NAT | status });
    const result = count([
      ...times(4, (n) => ({ ...snat('203.0.113.1'), sport: n })),
      { ...snat('203.0.113.1'), dport: 443 },
      { ...snat('203.0.113.2') },
      ...times(2, (n) => ({ ...dnat('10.1.0.1'), sport: n })),
      dnat('10.1.0.2', 0),
    ]);
    expect([result.sourceTranslated, result.destinationTranslated]).toEqual([6, 3]);
    expect(result.natPools[0]).toEqual({
      protocol: 'tcp',
      address: '203.0.113.1',
      destination: '192.0.2.1',
      port: 80,
      flows: 4,
    });
    expect(result.natPools).toHaveLength(3);
    const service = { protocol: 'tcp', service: '192.0.2.1', servicePort: 80, backendPort: 80 };
    expect(result.backends).toEqual([
      { ...service, backend: '10.1.0.1', flows: 2, unreplied: 0 },
      { ...service, backend: '10.1.0.2', flows: 1, unreplied: 1 },
    ]);
  });

  it('restarts', () => {
    const counted = new TableCount((name) => TIMEOUTS[name]);
    const empty = counted.result(READING, []);
    counted.add(listed({ status: SRC_NAT | DST_NAT, state: 3 }));
    expect(counted.result(READING, [])).not.toEqual(empty);
    counted.clear();
    expect(counted.result(READING, [])).toEqual(empty);
  });
});

describe('the largest groups', () => {
  it('are found among more groups than are kept', () => {
    const groups = new HeavyHitters(2, 64);
    const large = [7, 8, 9];
    for (let n = 0; n < 30_000; n++) {
      groups.key[0] = n % 10 < 3 ? large[n % 10]! : n + 1000;
      groups.key[1] = 5;
      groups.add(n % 2 === 0);
    }
    const top = groups.top(3);
    expect(top.map(({ at }) => groups.keys[at]).sort()).toEqual(large);
    for (const { flows, marked } of top) {
      expect(flows).toBe(3000);
      expect(marked === 0 || marked === flows).toBe(true);
    }
  });

  it('are exact while all groups are kept', () => {
    const groups = new HeavyHitters(1, 64);
    for (let n = 0; n < 64; n++)
      for (let m = 0; m <= n; m++) {
        groups.key[0] = n;
        groups.add(false);
      }
    expect(groups.top(64).map(({ flows }) => flows)).toEqual(Array.from({ length: 64 }, (_, n) => 64 - n));
  });
});

describe('flows that are refreshed and never answered', () => {
  const flow = (id: number, timeout: number, status = 0) =>
    listed({ protocol: 17, backend: '10.1.0.9', status: DST_NAT | status, id, timeout });

  it('are those whose timeout began anew between two readings', () => {
    const watch = new UnansweredWatch();
    watch.begin(0);
    for (const one of [flow(1, 25), flow(2, 25), flow(3, 25)]) watch.add(one);
    expect(watch.end()).toEqual([]);
    watch.begin(5);
    // Refreshed, left alone, answered, and new.
    for (const one of [flow(1, 29), flow(2, 20), flow(3, 119, SEEN_REPLY), flow(4, 30)]) watch.add(one);
    expect(watch.end()).toMatchObject([{ backend: '10.1.0.9', flows: 1, protocol: 'udp' }]);
  });
});
