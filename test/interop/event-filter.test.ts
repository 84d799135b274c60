import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { numberedRecord } from '../../sim/load/numbered-flow.ts';
import { missingForLab } from '../../sim/netns/availability.ts';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import { loadFlows, sampleFlows } from '../../sim/netns/flows.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { until } from '../../sim/netns/until.ts';
import { LITTLE_ENDIAN } from '../../src/bytes/endian.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { Change, Origin } from '../../src/flow/change.ts';
import { Ctnetlink } from '../../src/kernel/ctnetlink/ctnetlink.ts';
import { compileEventFilter } from '../../src/kernel/ctnetlink/event-filter.ts';
import { type Batch, ReadResult } from '../../src/kernel/kernel.ts';
import { FlowFilter } from '../../src/sync/flow-filter.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { drain, inside, recorder, type Seen } from '../kernel/inside.ts';

// Every event socket of ours and every C node listens in one namespace, each with its own Filter clause, while flows are
// made there, change and end. A flow is known by its mark, for flows by its number in the list.

const FLOWS = sampleFlows();
/** The flow that changes its state. */
const CHANGED = 'tcp assured';

const namesOf = (which: (words: readonly string[]) => boolean): string[] =>
  FLOWS.filter(({ arguments: words }) => which(words))
    .map(({ name }) => name)
    .sort();
const isV6 = (words: readonly string[]) => words[words.indexOf('-s') + 1]!.includes(':');
const isTranslated = (words: readonly string[]) => words.includes('-g');
const ALL = namesOf(() => true);
const V4 = namesOf((words) => !isV6(words));
const V6 = namesOf(isV6);
/** The flows whose destination is translated: it is not the reply's source. */
const V4_TRANSLATED = namesOf((words) => !isV6(words) && isTranslated(words));
const V4_PLAIN = namesOf((words) => !isV6(words) && !isTranslated(words));
const V6_TRANSLATED = namesOf((words) => isV6(words) && isTranslated(words));

/** Where the C node does otherwise. */
interface Difference {
  readonly why: string;
  /** The flows that only the C node has in its internal cache while they live; none unless given. */
  readonly c?: readonly string[];
  /** The flows that only we would have. */
  readonly ours?: readonly string[];
  /** The flows that the C node still has when they are gone. */
  readonly forever?: readonly string[];
}

interface Case {
  readonly name: string;
  /** What the Filter clause has inside. */
  readonly clause: string;
  readonly difference?: Difference;
}

const hosts = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, n) => `${prefix}${n + 1}\n`).join('');

const CASES: readonly Case[] = [
  { name: 'a protocol accepted', clause: 'Protocol Accept { TCP }' },
  { name: 'protocols ignored', clause: 'Protocol Ignore { UDP\n gre\n icmp }' },
  { name: 'no protocol ignored', clause: 'Protocol Ignore { }' },
  {
    name: 'no protocol accepted',
    clause: 'Protocol Accept { }',
    difference: { why: 'an empty list is no filter; in user space it is for C, too', c: ALL },
  },
  { name: 'an IPv4 source ignored', clause: 'Address Ignore { IPv4_address 192.168.10.10 }' },
  {
    name: 'IPv4 sources and destinations accepted, and IPv6 not at all',
    clause: 'Address Accept { IPv4_address 192.168.0.0/16\n IPv4_address 203.0.113.0/24 }',
  },
  {
    name: 'an IPv4 source accepted',
    clause: 'Address Accept { IPv4_address 192.168.10.10 }',
    difference: { why: 'both addresses must be in the list', ours: V4 },
  },
  {
    name: 'an IPv4 destination accepted',
    clause: 'Address Accept { IPv4_address 203.0.113.10 }',
    difference: { why: 'both addresses must be in the list', ours: V4_PLAIN },
  },
  {
    name: 'an IPv4 destination ignored',
    clause: 'Address Ignore { IPv4_address 203.0.113.10 }',
    difference: { why: "the destination is the original one, not the reply's source", ours: V4_TRANSLATED },
  },
  {
    name: 'a translated IPv4 destination ignored',
    clause: 'Address Ignore { IPv4_address 192.168.99.0/24 }',
    difference: { why: "the destination is the original one, not the reply's source", c: V4_TRANSLATED },
  },
  {
    name: 'a translated IPv4 destination accepted',
    clause: 'Address Accept { IPv4_address 192.168.99.0/24 }',
    difference: { why: 'both addresses must be in the list', ours: V4_TRANSLATED },
  },
  { name: 'an IPv6 source ignored', clause: 'Address Ignore { IPv6_address fd00:10::10 }' },
  {
    name: 'an IPv6 destination ignored',
    clause: 'Address Ignore { IPv6_address 2001:db8:20::/59 }',
    difference: { why: "the destination is the original one, not the reply's source", ours: V6_TRANSLATED },
  },
  {
    name: 'an IPv6 network accepted',
    clause: 'Address Accept { IPv6_address fd00:10::/32 }',
    difference: {
      why: 'a list without IPv4 addresses lets IPv4 pass; and both addresses must be in the list',
      c: V4,
      ours: V6,
    },
  },
  {
    name: 'both families accepted',
    clause: 'Address Accept { IPv4_address 192.168.0.0/16\n IPv4_address 203.0.113.10\n IPv6_address ::/0 }',
    difference: {
      why: 'the search for the IPv4 destination runs on into the protocol of an IPv6 flow',
      ours: V6,
    },
  },
  {
    name: 'the header of an attribute ignored',
    // Length 5 and type 1 of CTA_PROTO_NUM, as they lie in memory.
    clause: `Address Ignore { IPv4_address ${LITTLE_ENDIAN ? '5.0.1.0' : '0.5.0.1'} }`,
    difference: {
      why: 'the search for the IPv4 destination runs on into the protocol of an IPv6 flow',
      ours: V6,
    },
  },
  { name: 'no address ignored', clause: 'Address Ignore { }' },
  {
    name: 'no address accepted',
    clause: 'Address Accept { }',
    difference: { why: 'an empty list is no filter; in user space it is for C, too', c: ALL },
  },
  {
    name: 'states accepted',
    clause: 'State Accept { ESTABLISHED CLOSE_WAIT for TCP }',
    difference: {
      why: 'the end of a flow is not reported in a state that is not accepted',
      forever: [CHANGED],
    },
  },
  {
    name: 'states ignored',
    clause: 'State Ignore { SYN_SENT SYN_RECV TIME_WAIT CLOSED for TCP }',
    difference: { why: 'the end of a flow is not reported in a state that is ignored', forever: [CHANGED] },
  },
  {
    name: 'all three',
    clause: `Protocol Accept { TCP\n UDP }
      Address Ignore { IPv4_address 127.0.0.1\n IPv4_address 203.0.113.99 }
      State Accept { ESTABLISHED for TCP }`,
    difference: {
      why: 'the end of a flow is not reported in a state that is not accepted',
      forever: [CHANGED],
    },
  },
  {
    name: '80 hosts',
    clause: `Address Ignore { IPv4_address 192.168.10.10\n ${hosts(80, 'IPv4_address 10.1.1.')} }`,
  },
  {
    name: '100 hosts',
    clause: `Address Ignore { IPv4_address 192.168.10.10\n ${hosts(100, 'IPv4_address 10.1.1.')} }`,
    difference: { why: 'a jump over more than 255 instructions falls short', c: V4 },
  },
  {
    name: '130 hosts',
    clause: `Address Ignore { ${hosts(130, 'IPv4_address 10.1.1.')} IPv4_address 192.168.10.10 }`,
    difference: { why: 'it keeps 127 IPv4 addresses and forgets the others', c: V4 },
  },
  {
    name: '20 hosts over IPv6',
    clause: `Address Ignore { IPv6_address fd00:10::10\n ${hosts(19, 'IPv6_address fd01::')} }`,
  },
  {
    name: '21 hosts over IPv6',
    clause: `Address Ignore { ${hosts(20, 'IPv6_address fd01::')} IPv6_address fd00:10::10 }`,
    difference: { why: 'it keeps 20 IPv6 addresses and forgets the others', c: V6 },
  },
];

function text(c: Case, n: number, directory: string): string {
  return `Sync {
  Mode NOTRACK { }
  UDP {
    IPv4_address 10.99.0.1
    IPv4_Destination_Address 10.99.0.2
    Port ${5000 + n}
    Interface sync0
  }
}
General {
  LogFile ${directory}/log
  LockFile ${directory}/lock
  UNIX { Path ${directory}/ctl }
  NetlinkBufferSize 2097152
  NetlinkBufferSizeMaxGrowth 8388608
  Systemd off
  Filter From Kernelspace { ${c.clause} }
}
`;
}

const nameOf = (mark: number) => FLOWS[mark - 1]?.name ?? `mark ${mark}`;

interface EventSummary {
  readonly change: Change;
  readonly name: string;
}

interface Stage {
  /** What came through each filter. */
  readonly came: readonly (readonly EventSummary[])[];
  /** What FlowFilter makes of all there was. */
  readonly accepted: readonly (readonly EventSummary[])[];
  /** Names of the flows that each C node has in its cache. */
  readonly cached: readonly (readonly string[])[];
}

describe.skipIf(missingForLab().length > 0)('Filter From Kernelspace', () => {
  let scope: Scope;
  let firewall: Namespace;
  const kernels: Ctnetlink[] = [];
  const configurations: string[] = [];
  const filters: FlowFilter[] = [];
  const stages = new Map<string, Stage>();

  const summary = ({ change, record }: Seen): EventSummary => ({
    change,
    name: nameOf(decodeFlow(record, 0, record.length).mark ?? 0),
  });

  async function stage(name: string, work: () => Promise<unknown>): Promise<void> {
    await work();
    await sleep(500);
    const all = recorder();
    expect(drain(kernels[0]!, all)).toBe(false);
    const came: EventSummary[][] = [];
    const accepted: EventSummary[][] = [];
    const cached: string[][] = [];
    for (const [n, filter] of filters.entries()) {
      const sink = recorder();
      expect(drain(kernels[n + 1]!, sink)).toBe(false);
      came.push(sink.seen.map(summary));
      accepted.push(
        all.seen
          .filter(({ record, change }) => filter.accepts(record, 0, record.length, change === Change.DESTROY))
          .map(summary),
      );
      const dump = await firewall.must(cProgramPath(), ['-C', configurations[n]!, '-i']);
      cached.push([...dump.matchAll(/mark=(\d+)/g)].map(([, mark]) => nameOf(Number(mark))).sort());
    }
    stages.set(name, { came, accepted, cached });
  }

  beforeAll(async () => {
    scope = openScope('ctf');
    firewall = await createNamespace(scope, 'fw');
    await firewall.ip(
      'link add sync0 type veth peer name sync1',
      'addr add 10.99.0.1/24 dev sync0',
      'link set sync0 up',
      'link set sync1 up',
    );
    const open = (eventFilter?: Uint8Array) =>
      inside(firewall.name, () => {
        const filter = eventFilter === undefined ? {} : { eventFilter };
        return new Ctnetlink({ timeout: true, windowScale: false, eventBuffer: 4 << 20, ...filter });
      });
    kernels.push(open());
    for (const [n, c] of CASES.entries()) {
      const directory = join(scope.directory, `${n}`);
      mkdirSync(directory);
      const path = join(directory, 'conntrackd.conf');
      writeFileSync(path, text(c, n, directory));
      const { filter } = parseConfig(readFileSync(path, 'utf8'), path).config.general;
      expect(filter?.from).toBe('kernelspace');
      filters.push(new FlowFilter(filter!));
      kernels.push(open(compileEventFilter(filter!)));
      configurations.push(path);
      await firewall.start(cProgramPath(), ['-C', path]);
    }
    for (const path of configurations) {
      await until(`${path} answers`, async () => {
        return (await firewall.run(cProgramPath(), ['-C', path, '-s'])).code === 0;
      });
    }

    const lines = FLOWS.map(({ arguments: words }, n) => {
      const at = words.indexOf('-m');
      return `${(at < 0 ? words : words.toSpliced(at, 2)).join(' ')} -m ${n + 1}`;
    });
    await stage('created', () => loadFlows(firewall, lines, scope.directory));
    const flow = FLOWS.find(({ name }) => name === CHANGED)!.arguments;
    const tuple = flow.slice(flow.indexOf('-p'), flow.indexOf('--state'));
    await stage('changed', () =>
      firewall.must('conntrack', ['-U', ...tuple, '--state', 'TIME_WAIT', '-t', '99']),
    );
    await stage('removed', () => firewall.must('conntrack', ['-F']));
  });

  afterAll(async () => {
    for (const kernel of kernels) kernel.close();
    await scope.close();
  });

  it('drops what the filter in user space refuses, and nothing else', () => {
    for (const [n, c] of CASES.entries()) {
      for (const [name, { came, accepted }] of stages) {
        expect(came[n], `${c.name}, ${name}`).toEqual(accepted[n]);
      }
    }
    const created = stages.get('created')!;
    expect(created.came.some((names) => names.length === FLOWS.length)).toBe(true);
    expect(created.came.some((names) => names.length === 0)).toBe(true);
  });

  it('is taken by the kernel up to its longest program', () => {
    const networks = (count: number) =>
      Array.from({ length: count }, (_, n) => ({
        family: 4 as const,
        bytes: Uint8Array.of(10, n >> 16, n >> 8, n),
        prefix: 32,
      }));
    const rules = { protocols: undefined, tcpStates: undefined };
    const program = compileEventFilter({
      ...rules,
      addresses: { logic: 'accept', networks: networks(2000) },
    });
    expect(program.length / 8).toBeGreaterThan(4000);
    const open = () => new Ctnetlink({ timeout: true, windowScale: false, eventFilter: program });
    if (Number(readFileSync('/proc/sys/net/core/optmem_max', 'utf8')) < 131_072) {
      expect(() => inside(firewall.name, open)).toThrow(/SO_ATTACH_FILTER.*ENOMEM/);
    } else {
      inside(firewall.name, open).close();
    }
  });

  it('spares a node the echo of what it injects, but for ends, and nothing of others', () => {
    const kernel = inside(
      firewall.name,
      () => new Ctnetlink({ timeout: true, windowScale: false, echoes: false }),
    );
    kernels.push(kernel);
    const flow = numberedRecord();
    const run = (origin: Origin, fill: (batch: Batch) => void): void => {
      const batch = kernel.batch(origin);
      fill(batch);
      expect([...kernel.run(batch)]).toEqual(Array.from({ length: batch.size }, () => 0));
    };
    const all = (batch: Batch): void => {
      const { bytes } = flow;
      flow.become(1, 5);
      batch.create(bytes, 0, bytes.length, 60, true);
      flow.become(2, 5);
      batch.create(bytes, 0, bytes.length, 60, true);
      flow.become(2, 6);
      batch.update(bytes, 0, bytes.length, 60, true);
      batch.remove(bytes, 0, bytes.length);
    };
    const seen: [Change, Origin][] = [];
    const sink = {
      flow: (change: Change, origin: Origin) => void seen.push([change, origin]),
      expectation: () => {},
      traffic: () => {},
    };
    const arrived = (): [Change, Origin][] => {
      while (kernel.readEvents(sink, 100) === ReadResult.MORE);
      return seen.splice(0);
    };
    run(Origin.INJECT, all);
    expect(arrived()).toEqual([[Change.DESTROY, Origin.INJECT]]);
    run(Origin.INJECT, (batch) => {
      flow.become(1, 0);
      batch.remove(flow.bytes, 0, flow.bytes.length);
    });
    expect(arrived()).toEqual([[Change.DESTROY, Origin.INJECT]]);
    run(Origin.COMMIT, all);
    expect(arrived()).toEqual(
      [Change.NEW, Change.NEW, Change.UPDATE, Change.DESTROY].map((change) => [change, Origin.COMMIT]),
    );
  });

  it.each(
    CASES.map(({ name, difference }, n) => ({
      name: difference ? `${name}, but: ${difference.why}` : name,
      difference,
      n,
    })),
  )('does as the C node: $name', ({ n, difference }) => {
    const ours = new Set<string>();
    for (const [stage, { came, cached }] of stages) {
      for (const { change, name } of came[n]!) {
        if (change === Change.DESTROY) ours.delete(name);
        else ours.add(name);
      }
      const theirs = cached[n]!;
      const gone = stage === 'removed';
      expect(
        {
          c: theirs.filter((flow) => !ours.has(flow)),
          ours: [...ours].filter((flow) => !theirs.includes(flow)).sort(),
        },
        stage,
      ).toEqual({
        c: (gone ? difference?.forever : difference?.c) ?? [],
        ours: (gone ? undefined : difference?.ours) ?? [],
      });
    }
  });
});
