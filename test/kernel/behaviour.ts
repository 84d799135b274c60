import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Change, Origin } from '../../src/flow/change.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Status } from '../../src/flow/status.ts';
import type { Tuple } from '../../src/flow/tuple.ts';
import { type BatchQueue, type Dump, type Kernel, ReadResult } from '../../src/kernel/kernel.ts';
import { Errno } from '../../src/system/errno.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';
import { drain, recorder, wholeDump } from './inside.ts';

/** A kernel to be tried, with the parts of it that differ between a real one and one in memory. */
export interface KernelUnderTest {
  readonly kernel: Kernel;
  dumpFlows(): Dump;
  dumpUnansweredFlows(): Dump;
  dumpShiftedFlows(): Dump;
  dumpExpectations(): Dump;
  /** Lets so many seconds pass. */
  pass(seconds: number): Promise<void>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** So few events fit the queue that a hundred are too many. */
  readonly smallQueue?: boolean;
  /** Records have window scales. */
  readonly windowScale?: boolean;
}

const {
  SEEN_REPLY,
  ASSURED,
  CONFIRMED,
  EXPECTED,
  SEQ_ADJUST,
  SRC_NAT,
  DST_NAT,
  SRC_NAT_DONE,
  DST_NAT_DONE,
  DYING,
  HELPER,
} = Status;

const tuple = (port: number, fields: Partial<Tuple> = {}): Tuple => ({
  family: 4,
  source: '192.0.2.1',
  destination: '198.51.100.1',
  protocol: 17,
  ports: { source: port, destination: 53 },
  ...fields,
});

const udp = (port: number, fields: Partial<Flow> = {}): Flow => ({
  original: tuple(port),
  status: CONFIRMED,
  ...fields,
});

const tcp = (port: number, fields: Partial<Flow> = {}): Flow => ({
  original: { ...tuple(port), protocol: 6 },
  status: CONFIRMED | SEEN_REPLY | ASSURED,
  tcp: { state: 3 },
  ...fields,
});

/** What every kernel must do: the same cases are put to the real one and to the one in memory. */
export function describeKernel(
  name: string,
  open: (options?: OpenOptions) => Promise<KernelUnderTest>,
): void {
  describe(name, () => {
    let under: KernelUnderTest;
    let kernel: Kernel;
    const start = async (options?: OpenOptions) => {
      under = await open(options);
      kernel = under.kernel;
    };
    beforeEach(() => start());
    afterEach(() => under.close());

    type Kind = 'create' | 'update' | 'remove' | 'probe';
    /** Asks for one thing about each flow; returns the answers. */
    const ask = (
      kind: Kind,
      flows: readonly Flow[],
      timeout = 100,
      origin: Origin = Origin.COMMIT,
    ): number[] => {
      const batch = kernel.batch(origin);
      for (const flow of flows) {
        const record = encodeFlow(flow);
        if (kind === 'create' || kind === 'update') batch[kind](record, 0, record.length, timeout, true);
        else batch[kind](record, 0, record.length);
      }
      return [...kernel.run(batch)];
    };
    const dump = () => wholeDump(under.dumpFlows()).map(({ record }) => decodeFlow(record, 0, record.length));
    const events = () => {
      const sink = recorder();
      drain(kernel, sink);
      return sink.seen
        .filter(({ what }) => what === 'flow')
        .map(({ change, origin, record }) => ({
          change,
          origin,
          flow: decodeFlow(record, 0, record.length),
        }));
    };

    it('creates a flow, reports it, and shows it in a dump', () => {
      expect(ask('create', [tcp(1000, { mark: 7 })])).toEqual([0]);
      const [event, ...others] = events();
      expect(others).toEqual([]);
      expect(event).toMatchObject({
        change: Change.NEW,
        origin: Origin.COMMIT,
        flow: {
          original: { ...tuple(1000), protocol: 6 },
          status: CONFIRMED | SEEN_REPLY | ASSURED,
          tcp: { state: 3 },
          mark: 7,
        },
      });
      expect(event!.flow.timeout).toBeGreaterThanOrEqual(98);
      expect(dump()).toMatchObject([{ original: event!.flow.original, status: event!.flow.status, mark: 7 }]);
    });

    it('refuses a flow that is there, and one whose direction is the other of one that is', () => {
      const reverse: Flow = udp(0, {
        original: tuple(0, {
          source: '198.51.100.1',
          destination: '192.0.2.1',
          ports: { source: 53, destination: 1000 },
        }),
      });
      expect(ask('create', [udp(1000), udp(1000), reverse])).toEqual([0, Errno.EEXIST, Errno.EEXIST]);
      expect(events().length).toBe(1);
    });

    it('removes a flow by either direction, once', () => {
      ask('create', [udp(1000), udp(1001)]);
      const reverse = udp(0, {
        original: tuple(0, {
          source: '198.51.100.1',
          destination: '192.0.2.1',
          ports: { source: 53, destination: 1001 },
        }),
      });
      events();
      expect(ask('probe', [udp(1000), reverse, udp(1)])).toEqual([0, 0, Errno.ENOENT]);
      expect(ask('remove', [udp(1000), udp(1000), reverse])).toEqual([0, Errno.ENOENT, 0]);
      expect(
        events().map(({ change, origin, flow }) => [change, origin, flow.original.ports?.source]),
      ).toEqual([
        [Change.DESTROY, Origin.COMMIT, 1000],
        [Change.DESTROY, Origin.COMMIT, 1001],
      ]);
      expect(dump()).toEqual([]);
    });

    it('marks the end of a flow in its status', () => {
      ask('create', [udp(1000)]);
      ask('remove', [udp(1000)], 0, Origin.INJECT);
      const [, end] = events();
      expect(end).toMatchObject({ change: Change.DESTROY, origin: Origin.INJECT });
      expect(end!.flow.status! & DYING).toBe(DYING);
    });

    it('changes a flow that is there, and no other', () => {
      ask('create', [tcp(1000)]);
      events();
      const closing = tcp(1000, { mark: 9, tcp: { state: 5 } });
      expect(ask('update', [tcp(1001), closing], 50)).toEqual([Errno.ENOENT, 0]);
      const [event] = events();
      expect(event).toMatchObject({ change: Change.UPDATE, flow: { mark: 9, tcp: { state: 5 } } });
      expect(event!.flow.timeout).toBeLessThanOrEqual(50);
      const [shown] = dump();
      expect(shown).toMatchObject({ mark: 9, tcp: { state: 5 } });
    });

    it('adds status bits in an update, and takes none of these away', () => {
      ask('create', [udp(1000)]);
      expect(ask('update', [udp(1000, { status: CONFIRMED | SEEN_REPLY })])).toEqual([0]);
      expect(ask('update', [udp(1000, { status: CONFIRMED })])).toEqual([Errno.EBUSY]);
      expect(ask('update', [udp(1000, { status: CONFIRMED | SEEN_REPLY | ASSURED })])).toEqual([0]);
      expect(ask('update', [udp(1000, { status: CONFIRMED | SEEN_REPLY })])).toEqual([Errno.EBUSY]);
      expect(dump()[0]!.status).toBe(CONFIRMED | SEEN_REPLY | ASSURED);
    });

    it('sets up translation from a record, and reports the same', () => {
      const flow = tcp(1000, {
        sourceNat: { address: '203.0.113.9', port: 4711 },
        destinationNat: { address: '10.0.0.9', port: 8080 },
      });
      expect(ask('create', [flow])).toEqual([0]);
      const [shown] = dump();
      expect(shown).toMatchObject({ sourceNat: flow.sourceNat, destinationNat: flow.destinationNat });
      expect(shown!.status).toBe(
        CONFIRMED | SEEN_REPLY | ASSURED | SRC_NAT | DST_NAT | SRC_NAT_DONE | DST_NAT_DONE,
      );
      const [event] = events();
      expect(event!.flow).toMatchObject({ sourceNat: flow.sourceNat, destinationNat: flow.destinationNat });
    });

    it('answers packets of a translated flow by its reply tuple', () => {
      ask('create', [udp(1000, { sourceNat: { address: '203.0.113.9', port: 4711 } })]);
      const reply = tuple(0, {
        source: '198.51.100.1',
        destination: '203.0.113.9',
        ports: { source: 53, destination: 4711 },
      });
      expect(ask('probe', [udp(0, { original: reply })])).toEqual([0]);
      expect(ask('create', [udp(0, { original: reply })])).toEqual([Errno.EEXIST]);
    });

    it('refuses a translation to a port that is taken', () => {
      const sourceNat = { address: '203.0.113.9', port: 4711 };
      const other = udp(1000, { original: tuple(1000, { source: '192.0.2.2' }), sourceNat });
      expect(ask('create', [udp(1000, { sourceNat }), other])).toEqual([0, Errno.EEXIST]);
    });

    it('picks another port where the translation names none and its own is taken', () => {
      const sourceNat = { address: '203.0.113.9' };
      const other = udp(1000, { original: tuple(1000, { source: '192.0.2.2' }), sourceNat });
      expect(ask('create', [udp(1000, { sourceNat }), other])).toEqual([0, 0]);
      const ports = dump().map((flow) => flow.sourceNat?.port);
      expect(ports.filter((port) => port === undefined).length).toBe(1);
      expect(ports.filter((port) => port !== undefined && port !== 1000).length).toBe(1);
    });

    it('translates IPv6', () => {
      const flow = tcp(1000, {
        original: { ...tuple(1000), family: 6, source: 'fd00::1', destination: 'fd00::2', protocol: 6 },
        sourceNat: { address: 'fd00::9', port: 99 },
      });
      expect(ask('create', [flow])).toEqual([0]);
      expect(dump()[0]).toMatchObject({ original: flow.original, sourceNat: flow.sourceNat });
    });

    it('takes no translation from the status bits alone', () => {
      ask('create', [udp(1000, { status: CONFIRMED | SRC_NAT | SRC_NAT_DONE | DST_NAT_DONE })]);
      expect(dump()[0]!.status).toBe(CONFIRMED);
    });

    it('keeps a flow with its master, and makes none whose master is missing', () => {
      const master = tcp(21, { original: { ...tuple(1000), protocol: 6 } });
      const child = tcp(2000, { master: master.original, status: CONFIRMED | EXPECTED });
      expect(ask('create', [child, master, child])).toEqual([Errno.ENOENT, 0, 0]);
      const shown = dump().find((flow) => flow.master !== undefined);
      expect(shown).toMatchObject({ original: child.original, master: master.original });
      expect(shown!.status! & EXPECTED).toBe(EXPECTED);
    });

    it('shows a master by its original direction, also when it has ended', () => {
      const sourceNat = { address: '203.0.113.9', port: 4711 };
      const master = tcp(1000, { sourceNat });
      const reply = {
        ...tuple(0, { source: '198.51.100.1', destination: sourceNat.address }),
        protocol: 6,
        ports: { source: 53, destination: 4711 },
      };
      const child = tcp(2000, { master: reply });
      expect(ask('create', [master, child])).toEqual([0, 0]);
      const shown = () => dump().find(({ original }) => original.ports?.source === 2000);
      expect(shown()!.master).toEqual(master.original);
      ask('remove', [master]);
      expect(shown()!.master).toEqual(master.original);
      expect(ask('create', [tcp(2001, { master: master.original })])).toEqual([Errno.ENOENT]);
      expect(ask('create', [tcp(2002, { zone: 5, master: child.original })])).toEqual([Errno.ENOENT]);
    });

    it('gives a flow the helper that its record names', () => {
      const ftp = tcp(1000, {
        original: tuple(0, { protocol: 6, ports: { source: 1000, destination: 21 } }),
        helper: 'ftp',
      });
      const unknown = tcp(1001, { helper: 'nosuch' });
      expect(ask('create', [ftp, unknown])).toEqual([0, Errno.EOPNOTSUPP]);
      expect(dump()).toMatchObject([{ helper: 'ftp' }]);
      expect(dump()[0]!.status! & HELPER).toBe(HELPER);
    });

    it('needs a timeout: the one asked for, or the record’s', () => {
      expect(ask('create', [udp(1000), udp(1001, { timeout: 33 })], 0)).toEqual([Errno.EINVAL, 0]);
      expect(dump()[0]!.timeout).toBeGreaterThanOrEqual(31);
    });

    it('knows echo by type, code and id, and makes no flow of what nothing answers', () => {
      const icmp = (type: number, id: number, ends: Partial<Tuple> = {}): Flow => ({
        original: {
          family: 4,
          source: '192.0.2.1',
          destination: '198.51.100.1',
          ...ends,
          protocol: 1,
          icmp: { type, code: 0, id },
        },
        status: CONFIRMED,
      });
      const answer = icmp(0, 1, { source: '198.51.100.1', destination: '192.0.2.1' });
      expect(ask('create', [icmp(8, 1), icmp(8, 258), icmp(8, 1), answer, icmp(3, 1)])).toEqual([
        0,
        0,
        Errno.EEXIST,
        Errno.EEXIST,
        Errno.EINVAL,
      ]);
      expect(
        dump()
          .map(({ original }) => original.icmp?.id)
          .sort(),
      ).toEqual([1, 258]);
      for (const kind of ['update', 'remove', 'probe'] as const) {
        expect([kind, ...ask(kind, [icmp(3, 1), icmp(8, 2)])]).toEqual([kind, Errno.EINVAL, Errno.ENOENT]);
      }
    });

    it('takes no window scales from a request', async () => {
      await under.close();
      await start({ windowScale: true });
      const scaled = tcp(1000, { tcp: { state: 3, scaleOriginal: 7, scaleReply: 6 } });
      expect([...ask('create', [scaled]), ...ask('update', [scaled])]).toEqual([0, 0]);
      expect(dump()[0]!.tcp).toEqual({ state: 3, scaleOriginal: 0, scaleReply: 0 });
    });

    it('reports the protocol state of every flow', () => {
      const sctp: Flow = { original: tuple(1001, { protocol: 132 }), status: CONFIRMED };
      expect(ask('create', [{ original: tuple(1000, { protocol: 6 }), status: CONFIRMED }, sctp])).toEqual([
        0, 0,
      ]);
      const shown = dump().sort((a, b) => a.original.protocol - b.original.protocol);
      expect(shown).toMatchObject([
        { tcp: { state: 0 } },
        { sctp: { state: 0, tagOriginal: 0, tagReply: 0 } },
      ]);
    });

    it('keeps zones apart', () => {
      expect(ask('create', [udp(1000), udp(1000, { zone: 5 }), udp(1000, { zone: 5 })])).toEqual([
        0,
        0,
        Errno.EEXIST,
      ]);
      expect(
        dump()
          .map(({ zone }) => zone ?? 0)
          .sort(),
      ).toEqual([0, 5]);
      expect(ask('remove', [udp(1000, { zone: 6 }), udp(1000, { zone: 5 })])).toEqual([Errno.ENOENT, 0]);
      expect(dump()).toMatchObject([{ original: tuple(1000) }]);
    });

    it('ends a flow when its time is over', async () => {
      ask('create', [udp(1000)], 1);
      ask('create', [udp(1001)], 100);
      events();
      await under.pass(2.2);
      expect(ask('probe', [udp(1000), udp(1001)])).toEqual([Errno.ENOENT, 0]);
      expect(dump().map(({ original }) => original.ports?.source)).toEqual([1001]);
      expect(events()).toMatchObject([
        { change: Change.DESTROY, origin: Origin.OTHER, flow: { original: tuple(1000) } },
      ]);
    });

    it('carries a full batch, and answers in order', () => {
      const batch = kernel.batch(Origin.INJECT);
      const flows: Flow[] = [];
      for (let n = 0; !batch.full; n++) {
        const record = encodeFlow(udp(1000 + (n % 100)));
        flows.push(udp(1000 + (n % 100)));
        batch.create(record, 0, record.length, 100, true);
      }
      expect(flows.length, 'more than there are different flows').toBeGreaterThan(100);
      const record = encodeFlow(udp(1));
      expect(() => batch.create(record, 0, record.length, 100, true)).toThrow(RangeError);
      const expected = flows.map((_, n) => (n < 100 ? 0 : Errno.EEXIST));
      expect([...kernel.run(batch)]).toEqual(expected);
      batch.clear();
      expect(batch.size).toBe(0);
      batch.probe(record, 0, record.length);
      expect([...kernel.run(batch)]).toEqual([Errno.ENOENT]);
      expect(events().filter(({ origin }) => origin === Origin.INJECT).length).toBe(100);
    });

    it('keeps two batches apart that are filled at the same time', () => {
      const one = kernel.batch(Origin.COMMIT);
      const other = kernel.batch(Origin.INJECT);
      for (let n = 0; n < 10; n++) {
        const record = encodeFlow(udp(1000 + n));
        one.create(record, 0, record.length, 100, true);
        other.probe(record, 0, record.length);
      }
      expect([...kernel.run(other)]).toEqual(Array(10).fill(Errno.ENOENT));
      expect([...kernel.run(one)]).toEqual(Array(10).fill(0));
    });

    it('executes what is queued in order, and says what came of each request', () => {
      ask('create', [udp(1003), udp(1700)]);
      events();
      const queue = kernel.openQueue();
      const answers: number[] = [];
      const take = () => answers.push(...queue.takeAnswers());
      for (let port = 1000; port < 3000; ) {
        while (queue.isFull || queue.isAnswered) take();
        for (; port < 3000 && !queue.batch.full; port++) {
          const record = encodeFlow(udp(port));
          queue.batch.create(record, 0, record.length, 100, true);
        }
        queue.send();
        // Requests that nobody queued are answered meanwhile.
        expect(ask('probe', [udp(999), udp(1003)])).toEqual([Errno.ENOENT, 0]);
      }
      while (queue.underway > 0) take();
      queue.close();
      const exist = [1003, 1700].map((port) => port - 1000);
      const expected = Array.from({ length: 2000 }, (_, n) => (exist.includes(n) ? Errno.EEXIST : 0));
      expect(answers).toEqual(expected);
      const reported = events();
      expect(reported.map(({ flow }) => flow.original.ports!.source)).toEqual(
        expected.flatMap((errno, n) => (errno === 0 ? [1000 + n] : [])),
      );
      expect(reported.every(({ origin }) => origin === Origin.COMMIT)).toBe(true);
    });

    it('has executed all that was queued when the queue is closed, and begins another one', () => {
      const answers: number[] = [];
      const fill = (queue: BatchQueue, batches: number, from: number) => {
        let port = from;
        for (let n = 0; n < batches; n++) {
          if (queue.isFull) answers.push(...queue.takeAnswers());
          for (let left = 100; left > 0; left--) {
            const record = encodeFlow(udp(port++));
            queue.batch.create(record, 0, record.length, 100, true);
          }
          queue.send();
        }
      };
      const first = kernel.openQueue();
      fill(first, 9, 1000);
      first.close();
      expect(dump().length).toBe(900);
      answers.length = 0;
      const second = kernel.openQueue();
      fill(second, 3, 1850);
      while (second.underway > 0) answers.push(...second.takeAnswers());
      second.close();
      expect(answers).toEqual([...Array(50).fill(Errno.EEXIST), ...Array(250).fill(0)]);
      expect(dump().length).toBe(1150);
    });

    it('dumps more than one read brings, and can be left in the middle', () => {
      for (let from = 0; from < 1000; from += 100) {
        ask(
          'create',
          Array.from({ length: 100 }, (_, n) => udp(1000 + from + n)),
        );
      }
      const left = under.dumpFlows();
      const sink = recorder();
      left.step(sink);
      left.close();
      expect(sink.seen.length).toBeLessThan(1000);
      const ports = new Set(dump().map(({ original }) => original.ports?.source));
      expect(ports.size).toBe(1000);
    });

    it('reports only changes and ends while new flows are not subscribed, and everything afterwards', () => {
      ask('create', [udp(1000), udp(1001)]);
      events();
      kernel.subscribeNewFlows(false);
      ask('create', [udp(1002)]);
      ask('update', [udp(1000, { mark: 1 }), udp(1002, { mark: 1 })]);
      ask('remove', [udp(1001)]);
      expect(events()).toMatchObject([
        { change: Change.UPDATE, origin: Origin.COMMIT, flow: { original: tuple(1000), mark: 1 } },
        { change: Change.UPDATE, origin: Origin.COMMIT, flow: { original: tuple(1002), mark: 1 } },
        { change: Change.DESTROY, origin: Origin.COMMIT, flow: { original: tuple(1001) } },
      ]);
      kernel.subscribeNewFlows(true);
      ask('update', [udp(1002, { mark: 2 })]);
      ask('create', [udp(1003)]);
      ask('remove', [udp(1002)]);
      expect(events()).toMatchObject([
        { change: Change.UPDATE, flow: { original: tuple(1002), mark: 2 } },
        { change: Change.NEW, flow: { original: tuple(1003) } },
        { change: Change.DESTROY, flow: { original: tuple(1002) } },
      ]);
      expect(
        dump()
          .map(({ mark }) => mark)
          .sort(),
      ).toEqual([0, 1]);
    });

    it('dumps alone the flows that were not answered', () => {
      const answered = { status: CONFIRMED | SEEN_REPLY };
      ask('create', [udp(1000), udp(1001, answered), udp(1002), udp(1003, answered)]);
      ask('update', [udp(1002, answered)]);
      const ports = wholeDump(under.dumpUnansweredFlows()).map(
        ({ record }) => decodeFlow(record, 0, record.length).original.ports?.source,
      );
      expect(ports).toEqual([1000]);
    });

    it('dumps alone the flows whose sequence numbers are shifted', () => {
      const shift = { position: 1, offsetBefore: 0, offsetAfter: 3 };
      const sequenceAdjustment = { original: shift, reply: { ...shift, offsetAfter: 0 } };
      const shifted = { status: CONFIRMED | SEEN_REPLY | SEQ_ADJUST, sequenceAdjustment };
      ask('create', [tcp(1000), tcp(1001, shifted), tcp(1002)]);
      const flows = wholeDump(under.dumpShiftedFlows()).map(({ record }) =>
        decodeFlow(record, 0, record.length),
      );
      expect(flows).toMatchObject([{ original: { ports: { source: 1001 } }, sequenceAdjustment }]);
    });

    it('reads no more events than wanted', () => {
      ask('create', [udp(1000), udp(1001), udp(1002)]);
      const sink = recorder();
      expect(kernel.readEvents(sink, 2)).toBe(ReadResult.MORE);
      expect(sink.seen.length).toBe(2);
      expect(kernel.readEvents(sink, 2)).toBe(ReadResult.DRAINED);
      expect(sink.seen.length).toBe(3);
      expect(kernel.readEvents(sink, 2)).toBe(ReadResult.DRAINED);
    });

    it('announces waiting events until they are read', async () => {
      let calls = 0;
      const sink = recorder();
      const watch = kernel.watchEvents(() => {
        calls++;
        kernel.readEvents(sink, 1);
      });
      expect(() => kernel.watchEvents(() => {})).toThrow('watched already');
      ask('create', [udp(1000), udp(1001), udp(1002)]);
      await expect.poll(() => sink.seen.length).toBe(3);
      expect(calls).toBeGreaterThanOrEqual(3);
      watch.pause();
      ask('create', [udp(1003)]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(sink.seen.length).toBe(3);
      watch.resume();
      await expect.poll(() => sink.seen.length).toBe(4);
      watch.close();
    });

    it('reports once that events were lost, goes on, and loses fewer with a greater buffer', async () => {
      await under.close();
      await start({ smallQueue: true });
      let overruns = 0;
      const sink = recorder();
      const watch = kernel.watchEvents(() => {
        if (kernel.readEvents(sink, 1000) === ReadResult.OVERRUN) overruns++;
      });
      ask(
        'create',
        Array.from({ length: 100 }, (_, n) => udp(1000 + n)),
      );
      await expect.poll(() => overruns).toBe(1);
      await expect.poll(() => sink.seen.length).toBeGreaterThan(0);
      expect(sink.seen.length).toBeLessThan(100);
      const before = kernel.eventBufferSize;
      expect(kernel.growEventBuffer(1 << 20)).toBe(1 << 20);
      expect(kernel.eventBufferSize).toBeGreaterThan(before);
      sink.seen.length = 0;
      ask(
        'create',
        Array.from({ length: 100 }, (_, n) => udp(2000 + n)),
      );
      await expect.poll(() => sink.seen.length).toBe(100);
      expect(overruns).toBe(1);
      watch.close();
    });

    it('keeps expectations of a flow that has a helper, and forgets them with it', () => {
      const master = tcp(1000, {
        original: tuple(0, { protocol: 6, ports: { source: 1000, destination: 21 } }),
        helper: 'ftp',
      });
      const expectation: Expectation = {
        master: master.original,
        expected: tuple(0, { protocol: 6, ports: { source: 0, destination: 20_000 } }),
        mask: tuple(0, {
          source: '255.255.255.255',
          destination: '255.255.255.255',
          protocol: 6,
          ports: { source: 0, destination: 65_535 },
        }),
        flags: 0,
        class: 0,
        helper: 'ftp',
      };
      const record = encodeExpectation(expectation);
      const askExpectation = () => {
        const batch = kernel.batch(Origin.COMMIT);
        batch.probeExpectation(record, 0, record.length);
        batch.createExpectation(record, 0, record.length, 100);
        batch.createExpectation(record, 0, record.length, 100);
        batch.probeExpectation(record, 0, record.length);
        return [...kernel.run(batch)];
      };
      expect(askExpectation()).toEqual([Errno.ENOENT, Errno.ENOENT, Errno.ENOENT, Errno.ENOENT]);
      ask('create', [master]);
      expect(askExpectation()).toEqual([Errno.ENOENT, 0, Errno.EEXIST, 0]);
      const shown = wholeDump(under.dumpExpectations());
      expect(shown.map((seen) => decodeExpectation(seen.record, 0, seen.record.length))).toMatchObject([
        { master: expectation.master, expected: expectation.expected, helper: 'ftp' },
      ]);
      const batch = kernel.batch(Origin.COMMIT);
      batch.removeExpectation(record, 0, record.length);
      batch.removeExpectation(record, 0, record.length);
      batch.createExpectation(record, 0, record.length, 100);
      expect([...kernel.run(batch)]).toEqual([0, Errno.ENOENT, 0]);
      kernel.flushExpectations();
      expect(wholeDump(under.dumpExpectations())).toEqual([]);
      askExpectation();
      ask('remove', [master]);
      expect(wholeDump(under.dumpExpectations())).toEqual([]);
      const sink = recorder();
      drain(kernel, sink);
      const changes = sink.seen.filter(({ what }) => what === 'expectation').map(({ change }) => change);
      expect(changes.filter((change) => change === Change.NEW).length).toBe(3);
      expect(changes.filter((change) => change === Change.DESTROY).length).toBe(3);
    });

    describe('with expectations', () => {
      const control = (port: number): Flow =>
        tcp(port, {
          original: tuple(0, { protocol: 6, ports: { source: port, destination: 21 } }),
          helper: 'ftp',
        });
      const data = (master: Flow, port: number, fields: Partial<Expectation> = {}): Expectation => ({
        master: master.original,
        expected: tuple(0, { source: '0.0.0.0', protocol: 6, ports: { source: 0, destination: port } }),
        mask: tuple(0, {
          source: '255.255.255.255',
          destination: '255.255.255.255',
          protocol: 6,
          ports: { source: 0, destination: 65_535 },
        }),
        flags: 0,
        class: 0,
        helper: 'ftp',
        ...fields,
      });
      const from = (source: string, expectation: Expectation, mask = '255.255.255.255'): Expectation => ({
        ...expectation,
        expected: { ...expectation.expected, source },
        mask: { ...expectation.mask!, source: mask },
      });
      const expectFlow = (expectation: Expectation, timeout = 100): number => {
        const record = encodeExpectation(expectation);
        const batch = kernel.batch(Origin.COMMIT);
        batch.createExpectation(record, 0, record.length, timeout);
        return kernel.run(batch)[0]!;
      };
      const probe = (expectation: Expectation): number => {
        const record = encodeExpectation(expectation);
        const batch = kernel.batch(Origin.COMMIT);
        batch.probeExpectation(record, 0, record.length);
        return kernel.run(batch)[0]!;
      };
      const expected = () =>
        wholeDump(under.dumpExpectations()).map(({ record }) => decodeExpectation(record, 0, record.length));
      const readEvents = () => {
        const sink = recorder();
        drain(kernel, sink);
        return sink.seen.map(({ what, change, origin }) => [what, change, origin]);
      };

      it('lets the oldest one of a master go for a new one, which is nobody’s doing', () => {
        ask('create', [control(1000), control(1001)]);
        readEvents();
        expect([2000, 2001].map((port) => expectFlow(data(control(1000), port)))).toEqual([0, 0]);
        expect(expectFlow(data(control(1001), 2002))).toBe(0);
        expect(
          expected()
            .map((shown) => shown.expected.ports!.destination)
            .sort(),
        ).toEqual([2001, 2002]);
        expect(readEvents()).toEqual([
          ['expectation', Change.NEW, Origin.COMMIT],
          ['expectation', Change.DESTROY, Origin.OTHER],
          ['expectation', Change.NEW, Origin.COMMIT],
          ['expectation', Change.NEW, Origin.COMMIT],
        ]);
      });

      it('keeps as many of each class as the helper may have', () => {
        const sip: Flow = udp(1000, {
          original: tuple(0, { ports: { source: 1000, destination: 5060 } }),
          helper: 'sip',
        });
        ask('create', [sip]);
        const port = (of: number, n: number) => 10_000 + 100 * of + n;
        const call = (of: number, n: number): Expectation => {
          const { expected: wanted, mask, ...rest } = data(sip, port(of, n), { class: of, helper: 'sip' });
          return { ...rest, expected: { ...wanted, protocol: 17 }, mask: { ...mask!, protocol: 17 } };
        };
        for (const of of [0, 1, 3]) for (let n = 0; n < 6; n++) expect(expectFlow(call(of, n))).toBe(0);
        expect(expectFlow(call(4, 0))).toBe(Errno.EINVAL);
        const kept = expected().map((shown) => shown.expected.ports!.destination);
        expect(kept.sort()).toEqual([
          port(0, 5),
          ...[2, 3, 4, 5].map((n) => port(1, n)),
          ...[4, 5].map((n) => port(3, n)),
        ]);
      });

      it('expects for as long as the policy of its helper, whatever is requested', () => {
        ask('create', [control(1000)]);
        for (const timeout of [0, 7]) {
          expect(expectFlow(data(control(1000), 2000 + timeout), timeout)).toBe(0);
          const [shown] = expected();
          expect(shown!.timeout).toBeGreaterThanOrEqual(298);
          expect(shown!.timeout).toBeLessThanOrEqual(300);
        }
      });

      it('finds one by its mask, and refuses another one that it or its mask overlaps', () => {
        ask('create', [control(1000), control(1001)]);
        const wide = from('10.1.0.0', data(control(1000), 2000), '255.255.0.0');
        expect(expectFlow(wide)).toBe(0);
        expect(probe(from('10.1.2.3', wide))).toBe(0);
        expect(probe(from('10.2.2.3', wide))).toBe(Errno.ENOENT);
        expect(expectFlow(from('10.1.2.3', data(control(1001), 2000)))).toBe(Errno.EEXIST);
        expect(expectFlow(from('10.2.2.3', data(control(1001), 2000)))).toBe(0);
        expect(expectFlow(from('10.0.0.0', data(control(1001), 2000), '255.0.0.0'))).toBe(Errno.EBUSY);
        expect(expected().length).toBe(2);
      });

      it('shows the master by its original direction and with its helper', () => {
        ask('create', [control(1000)]);
        const { source, destination, ports } = control(1000).original;
        const reverse = tuple(0, {
          protocol: 6,
          source: destination,
          destination: source,
          ports: { source: ports!.destination, destination: ports!.source },
        });
        expect(expectFlow(data(control(1000), 2000, { master: reverse, helper: 'irc', flags: 5 }))).toBe(0);
        expect(expected()).toMatchObject([{ master: control(1000).original, helper: 'ftp', flags: 1 }]);
      });

      it('ends them after their master, as nobody’s doing', () => {
        ask('create', [control(1000)]);
        expectFlow(data(control(1000), 2000));
        readEvents();
        ask('remove', [control(1000)]);
        expect(readEvents()).toEqual([
          ['flow', Change.DESTROY, Origin.COMMIT],
          ['expectation', Change.DESTROY, Origin.OTHER],
        ]);
      });
    });
  });
}
