import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingForLab } from '../../sim/netns/availability.ts';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import {
  type Collector,
  isSyncFlow,
  joinByLink,
  makeFlows,
  openCollector,
  prepareTranslation,
  realTraffic,
  type SentMessage,
  startBareNode,
} from '../../sim/netns/kernel-lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { until } from '../../sim/netns/until.ts';
import { Change } from '../../src/flow/change.ts';
import { Ctnetlink } from '../../src/kernel/ctnetlink/ctnetlink.ts';
import { kernelCounters } from '../../src/kernel/kernel.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { CHANGE_NAMES, drain, inside, recorder, type Seen, wholeDump } from '../kernel/inside.ts';

const ours = (seen: Seen): SentMessage => ({
  kind: (seen.what === 'expectation' ? 'EXP ' : '') + CHANGE_NAMES[seen.change]!,
  wire: seen.wire,
});

const notSync = ({ wire }: SentMessage) => !isSyncFlow(wire);
const isFlow = ({ kind }: SentMessage) => !kind.startsWith('EXP');

describe.skipIf(missingForLab().length > 0)('what is sent for an event of the kernel', () => {
  let scope: Scope;
  let firewall: Namespace;
  let server: Namespace;
  let collector: Collector;
  let kernel: Ctnetlink;

  beforeEach(async () => {
    scope = openScope('ctk');
    firewall = await createNamespace(scope, 'fw');
    server = await createNamespace(scope, 'srv');
    await joinByLink(firewall, server);
    await prepareTranslation(firewall);
    collector = openCollector(server.name);
  });

  afterEach(async () => {
    kernel?.close();
    collector?.close();
    await scope.close();
  });

  const link = { from: '10.99.0.1', to: '10.99.0.2', device: 'sync0' };
  const startNode = (node: { mode: string; options?: string }) =>
    startBareNode(firewall, scope.directory, { ...node, link });

  function openKernel(windowScale: boolean, timeout = true): void {
    kernel = inside(
      firewall.name,
      () => new Ctnetlink({ timeout, windowScale, eventBuffer: 8 << 20, expectations: true }),
    );
  }

  async function compare(
    sink: ReturnType<typeof recorder>,
    which: (message: SentMessage) => boolean = () => true,
  ): Promise<readonly SentMessage[]> {
    const wanted = (message: SentMessage) => notSync(message) && which(message);
    let mine: SentMessage[] = [];
    let theirs: SentMessage[] = [];
    let isOverrun = false;
    const isLevel = () => {
      isOverrun = drain(kernel, sink) || isOverrun;
      mine = sink.seen.map(ours).filter(wanted);
      theirs = collector.collect().filter(wanted);
      return mine.length > 0 && mine.length === theirs.length;
    };
    // Where the numbers stay different, the comparison below shows what is missing.
    await until('the C node has sent a message for each event', isLevel, 5000).catch(() => {});
    expect(isOverrun).toBe(false);
    const explain = ({ kind, wire }: SentMessage) => {
      const bytes = Buffer.from(wire, 'hex');
      const flow = kind.startsWith('EXP') ? '' : JSON.stringify(decodeFlow(bytes, 0, bytes.length));
      return `${kind} ${wire} ${flow}`;
    };
    expect(mine.map(explain)).toEqual(theirs.map(explain));
    return theirs;
  }

  it('is what the C node sends: flows of every kind, created, changed and removed', async () => {
    await startNode({ mode: 'DisableInternalCache on' });
    openKernel(false);
    const sink = recorder();
    const made = await makeFlows(firewall);
    drain(kernel, sink);
    await firewall.must(
      'conntrack',
      '-U -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 2000 --dport 53 -m 77 -t 66'.split(' '),
    );
    await firewall.must('conntrack', ['-F']);
    const sent = await compare(sink);
    expect(sent.filter(({ kind }) => kind === 'NEW').length).toBe(made);
    expect(sent.filter(({ kind }) => kind === 'DESTROY').length).toBeGreaterThanOrEqual(made);
    expect(kernel.counters).toEqual(kernelCounters());
  });

  it('is what the C node sends: real traffic, translated, labelled, with helpers and expectations', async () => {
    await startNode({ mode: 'DisableInternalCache on' });
    openKernel(false);
    const sink = recorder();
    await realTraffic(firewall, server);
    await compare(sink, isFlow);
    const flows = sink.seen
      .filter(({ what }) => what === 'flow')
      .map(({ record }) => decodeFlow(record, 0, record.length));
    // What the traffic was made for did happen.
    expect(flows.some(({ labels }) => labels !== undefined)).toBe(true);
    expect(flows.some(({ helper }) => helper === 'ftp')).toBe(true);
    expect(flows.some(({ master }) => master !== undefined)).toBe(true);
    expect(flows.some(({ zone }) => zone === 7)).toBe(true);
    expect(flows.some(({ sourceNat }) => sourceNat?.address !== undefined)).toBe(true);
    expect(flows.some(({ destinationNat }) => destinationNat?.port !== undefined)).toBe(true);
    expect(flows.some(({ original }) => original.protocol === 58)).toBe(true);
  });

  it('is what the C node sends: expectations', async () => {
    await startNode({ mode: '', options: 'ExpectationSync on' });
    openKernel(false);
    const sink = recorder();
    await realTraffic(firewall, server);
    const sent = await compare(sink, (message) => message.kind === 'EXP NEW');
    expect(sent.length).toBeGreaterThanOrEqual(1);
  });

  it('is what the C node sends, window scales included, from its cache', async () => {
    await startNode({ mode: '', options: 'TCPWindowTracking on' });
    openKernel(true);
    const sink = recorder();
    await makeFlows(firewall);
    const sent = await compare(sink);
    expect(sent.some(({ wire }) => wire.includes('00050019'))).toBe(true);
  });

  it('is what the C node sends where it leaves timeouts to the receiver', async () => {
    await startNode({ mode: 'DisableInternalCache on\nCommitTimeout 100' });
    openKernel(false, false);
    const sink = recorder();
    await makeFlows(firewall);
    await compare(sink);
  });

  it('is what the C node sends for a dump of the kernel', async () => {
    const path = await startNode({ mode: 'DisableInternalCache on\nCommitTimeout 100' });
    openKernel(false, false);
    const sink = recorder();
    const made = await makeFlows(firewall);
    await realTraffic(firewall, server);
    // Without a cache, what it sends for the last events leaves with its next ALIVE.
    await compare(sink, isFlow);
    collector.forget();
    await firewall.must(cProgramPath(), ['-C', path, '-B']);
    const mine = wholeDump(inside(firewall.name, () => kernel.dumpFlows()))
      .map((seen) => seen.wire)
      .filter((wire) => notSync({ kind: '', wire }));
    expect(mine.length).toBeGreaterThan(made);
    const theirs = await until('the C node has sent its dump', () => {
      const sent = collector.collect().filter(notSync);
      return sent.length >= mine.length && sent.map(({ wire }) => wire);
    });
    expect([...mine].sort()).toEqual([...theirs].sort());
  });

  it('knows who made a change', async () => {
    openKernel(false);
    const other = inside(firewall.name, () => new Ctnetlink({ timeout: true, windowScale: false }));
    try {
      const sink = recorder();
      await firewall.must(
        'conntrack',
        '-I -p udp -s 1.0.0.1 -d 1.0.0.2 --sport 1 --dport 2 -t 99'.split(' '),
      );
      drain(kernel, sink);
      const { record } = sink.seen[0]!;
      for (const origin of [1, 2] as const) {
        const batch = inside(firewall.name, () => kernel.batch(origin));
        batch.remove(record, 0, record.length);
        batch.create(record, 0, record.length, 60, true);
        expect([...kernel.run(batch)]).toEqual([0, 0]);
      }
      const foreign = inside(firewall.name, () => other.batch(1));
      foreign.remove(record, 0, record.length);
      other.run(foreign);
      drain(kernel, sink);
      expect(sink.seen.map(({ change, origin }) => [change, origin])).toEqual([
        [Change.NEW, 0],
        [Change.DESTROY, 1],
        [Change.NEW, 1],
        [Change.DESTROY, 2],
        [Change.NEW, 2],
        [Change.DESTROY, 0],
      ]);
    } finally {
      other.close();
    }
  });
});
