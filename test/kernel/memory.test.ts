import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Change, Origin } from '../../src/flow/change.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { replyOf } from '../../src/flow/reply.ts';
import { Status } from '../../src/flow/status.ts';
import { ReadResult } from '../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { Errno } from '../../src/system/errno.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { describeKernel } from './behaviour.ts';
import { drain, recorder, wholeDump } from './inside.ts';

describeKernel('the table in memory', async ({ smallQueue, windowScale = false } = {}) => {
  const kernel = new MemoryKernel({
    timeout: true,
    windowScale,
    expectations: true,
    ...(smallQueue ? { eventLimit: 8 } : {}),
  });
  let now = 0;
  return {
    kernel,
    dumpFlows: () => kernel.dumpFlows(),
    dumpUnansweredFlows: () => kernel.dumpUnansweredFlows(),
    dumpShiftedFlows: () => kernel.dumpShiftedFlows(),
    dumpExpectations: () => kernel.dumpExpectations(),
    async pass(seconds) {
      now += seconds * 1000;
      kernel.advance(now);
    },
    async close() {
      kernel.close();
    },
  };
});

const flow = (port: number, fields: Partial<Flow> = {}): Flow => ({
  original: {
    family: 4,
    source: '192.0.2.1',
    destination: '198.51.100.1',
    protocol: 6,
    ports: { source: port, destination: 80 },
  },
  tcp: { state: 1 },
  ...fields,
});

describe('the traffic of the table in memory', () => {
  const open = (options = {}) => new MemoryKernel({ timeout: true, windowScale: false, ...options });
  const changes = (kernel: MemoryKernel) => {
    const sink = recorder();
    drain(kernel, sink);
    return sink.seen.map(({ change, origin, record }) => ({
      change,
      origin,
      flow: decodeFlow(record, 0, record.length),
    }));
  };

  it('begins a flow, changes its state, and ends it: all of it nobody’s doing', () => {
    const kernel = open();
    const one = flow(1000, { sourceNat: { address: '203.0.113.1' } });
    expect(kernel.originate(one, 120)).toBe(0);
    expect(
      kernel.setState(one.original, { tcp: { state: 3 }, status: Status.SEEN_REPLY, timeout: 432_000 }),
    ).toBe(true);
    expect(kernel.expire(one.original)).toBe(true);
    expect(kernel.expire(one.original)).toBe(false);
    expect(changes(kernel)).toMatchObject([
      { change: Change.NEW, origin: Origin.OTHER, flow: { tcp: { state: 1 }, timeout: 120 } },
      { change: Change.UPDATE, origin: Origin.OTHER, flow: { tcp: { state: 3 }, timeout: 432_000 } },
      { change: Change.DESTROY, origin: Origin.OTHER, flow: { sourceNat: { address: '203.0.113.1' } } },
    ]);
  });

  it('finds the flow of a packet in either direction', () => {
    const kernel = open();
    const one = flow(1000, { sourceNat: { address: '203.0.113.1', port: 5000 } });
    kernel.originate(one, 120);
    const found = kernel.lookup(one.original)!;
    expect(found.reply).toMatchObject({
      destination: '203.0.113.1',
      ports: { source: 80, destination: 5000 },
    });
    expect(kernel.lookup(found.reply!)).toBe(found);
    expect(kernel.lookup(replyOf(one.original))).toBeUndefined();
    expect(kernel.lookup(one.original, 1)).toBeUndefined();
  });

  it('lets a flow live on while there is traffic', () => {
    const kernel = open();
    kernel.originate(flow(1000), 10);
    kernel.advance(9_000);
    expect(kernel.refresh(flow(1000).original, 10)).toBe(true);
    kernel.advance(18_999);
    expect(kernel.size).toBe(1);
    kernel.advance(19_000);
    expect(kernel.size).toBe(0);
    expect(kernel.refresh(flow(1000).original, 10)).toBe(false);
    expect(() => kernel.advance(18_000)).toThrow(RangeError);
  });

  it('takes no more flows than its limit', () => {
    const kernel = open({ limit: 2 });
    expect([1, 2, 3].map((port) => kernel.originate(flow(port), 60))).toEqual([0, 0, Errno.ENOMEM]);
    kernel.expire(flow(1).original);
    expect(kernel.originate(flow(3), 60)).toBe(0);
  });

  it('ends what has timed out in order of time, whatever was moved meanwhile', () => {
    const kernel = open();
    for (const [port, timeout] of [
      [1, 30],
      [2, 10],
      [3, 20],
      [4, 10],
      [5, 90],
      [6, 40],
    ] as const) {
      kernel.originate(flow(port), timeout);
    }
    kernel.refresh(flow(2).original, 35);
    kernel.refresh(flow(5).original, 5);
    kernel.expire(flow(6).original);
    kernel.originate(flow(7), 20);
    drain(kernel, recorder());
    kernel.advance(4_999);
    expect(kernel.waiting).toBe(0);
    kernel.advance(100_000);
    expect(changes(kernel).map(({ flow: ended }) => ended.original.ports!.source)).toEqual([
      5, 4, 3, 7, 1, 2,
    ]);
    expect(kernel.size).toBe(0);
  });

  it('gives what an ended flow has carried with the event of its end, and of no other flow', () => {
    const kernel = open();
    for (const port of [1, 2]) kernel.originate(flow(port), 10);
    kernel.count(flow(1).original, { packets: 1, bytes: 2 }, { packets: 3, bytes: 4 });
    kernel.expire(flow(1).original);
    kernel.originate(flow(1), 10);
    for (const port of [1, 2]) kernel.expire(flow(port).original);
    const sink = recorder();
    drain(kernel, sink);
    expect(sink.seen.map(({ traffic }) => traffic)).toEqual([
      undefined,
      undefined,
      [1, 2, 3, 4],
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('announces events once until its caller was called', () => {
    const waiting: (() => void)[] = [];
    const kernel = open({ announce: (ready: () => void) => waiting.push(ready) });
    let calls = 0;
    kernel.watchEvents(() => calls++);
    for (const port of [1, 2, 3]) kernel.originate(flow(port), 10);
    expect([waiting.length, calls, kernel.waiting]).toEqual([1, 0, 3]);
    waiting.shift()!();
    expect(calls).toBe(1);
    kernel.readEvents(recorder(), 2);
    expect([waiting.length, kernel.waiting]).toEqual([1, 1]);
    kernel.readEvents(recorder(), 2);
    waiting.shift()!();
    expect([waiting.length, calls]).toEqual([0, 1]);
  });

  it('loses the events that come while its buffer is full, reports it once, and keeps the others', () => {
    const kernel = open({ eventLimit: 2 });
    for (const port of [1, 2, 3, 4]) kernel.originate(flow(port), 10);
    const sink = recorder();
    expect(kernel.waiting).toBe(3);
    expect(kernel.readEvents(sink, 10)).toBe(ReadResult.OVERRUN);
    expect(kernel.readEvents(sink, 10)).toBe(ReadResult.DRAINED);
    expect(changes(kernel)).toEqual([]);
    expect(
      sink.seen.map(({ record }) => decodeFlow(record, 0, record.length).original.ports!.source),
    ).toEqual([1, 2]);
  });

  it('keeps events in order and whole, however many come before some are read (against a model)', () => {
    const command = fc.record({ push: fc.nat(60), read: fc.nat(60), labels: fc.nat(200) });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60, size: 'max' }), (commands) => {
        const kernel = open();
        const model: string[] = [];
        const sink = recorder();
        let port = 0;
        for (const { push, read, labels } of commands) {
          for (let n = 0; n < push; n++) {
            const one = flow(++port, { mark: port, labels: Array(1 + labels).fill(port) });
            kernel.originate(one, 10);
            model.push(`${port} ${port} ${1 + labels}`);
          }
          kernel.readEvents(sink, read);
        }
        drain(kernel, sink);
        const seen = sink.seen.map(({ record }) => {
          const { original, mark, labels } = decodeFlow(record, 0, record.length);
          return `${original.ports!.source} ${mark} ${labels!.length}`;
        });
        expect(seen).toEqual(model);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a handle', () => {
  const open = () => new MemoryKernel({ timeout: true, windowScale: false });
  const begin = (kernel: MemoryKernel, one: Flow, timeout = 60) => {
    const record = encodeFlow(one);
    return kernel.begin(record, 0, record.length, timeout);
  };
  const seen = (kernel: MemoryKernel) => {
    const sink = recorder();
    drain(kernel, sink);
    return sink.seen.map(({ change, wire }) => [change, wire]);
  };

  it('does what the same calls do that name the flow by its tuple', () => {
    const byHandle = open();
    const byTuple = open();
    const nat = {
      sourceNat: { address: '203.0.113.1' },
      destinationNat: { address: '10.0.0.9', port: 8080 },
    };
    for (const [port, fields] of [
      [1, {}],
      [2, nat],
      [3, { zone: 9 }],
    ] as const) {
      const one = flow(port, { ...fields, status: Status.CONFIRMED });
      const zone = one.zone ?? 0;
      const handle = begin(byHandle, one);
      expect(byTuple.originate(one, 60)).toBe(0);
      expect(handle).toBeGreaterThan(0);
      expect(byHandle.handleOf(one.original, zone)).toBe(handle);
      expect(byHandle.handleOf(byHandle.lookup(one.original, zone)!.reply!, zone)).toBe(handle);
      const { SEEN_REPLY, ASSURED } = Status;
      expect(byHandle.setTcpState(handle, 3, SEEN_REPLY | ASSURED, 100)).toBe(true);
      byTuple.setState(one.original, { tcp: { state: 3 }, status: SEEN_REPLY | ASSURED, timeout: 100 }, zone);
      expect(byHandle.setMark(handle, 0xffff_fffe)).toBe(true);
      byTuple.setState(one.original, { mark: 0xffff_fffe }, zone);
      expect(byHandle.setStatus(handle, Status.FIXED_TIMEOUT, 200)).toBe(true);
      byTuple.setState(one.original, { status: Status.FIXED_TIMEOUT, timeout: 200 }, zone);
      expect(byHandle.lookup(one.original, zone)).toEqual(byTuple.lookup(one.original, zone));
      expect(byHandle.extend(handle, 300)).toBe(true);
      byTuple.refresh(one.original, 300, zone);
      if (port === 1) continue;
      expect(byHandle.end(handle)).toBe(true);
      byTuple.expire(one.original, zone);
    }
    const events = seen(byHandle);
    expect(events.length).toBe(3 * 4 + 2);
    expect(events).toEqual(seen(byTuple));
    const dumped = (kernel: MemoryKernel) => wholeDump(kernel.dumpFlows()).map(({ wire }) => wire);
    expect(dumped(byHandle)).toEqual(dumped(byTuple));
  });

  it('of a flow that has ended, in whatever way, is no handle of another one', () => {
    const kernel = open();
    const ended = [1, 2, 3].map((port) => begin(kernel, flow(port), port === 2 ? 1 : 60));
    kernel.end(ended[0]!);
    kernel.advance(1000);
    const batch = kernel.batch(Origin.COMMIT);
    const record = encodeFlow(flow(3));
    batch.remove(record, 0, record.length);
    kernel.run(batch);
    const lives = [1, 2, 3].map((port) => begin(kernel, flow(port)));
    seen(kernel);
    for (const handle of [...ended, 0, -Errno.EEXIST, Number.NaN, 1.5, Number.MAX_SAFE_INTEGER, 2 ** 23]) {
      expect(kernel.lives(handle)).toBe(false);
      expect(kernel.setTcpState(handle, 8, 0, 1)).toBe(false);
      expect(kernel.setStatus(handle, 1, 1)).toBe(false);
      expect(kernel.setMark(handle, 1)).toBe(false);
      expect(kernel.extend(handle, 0)).toBe(false);
      expect(kernel.end(handle)).toBe(false);
    }
    kernel.advance(2000);
    expect(seen(kernel)).toEqual([]);
    expect(lives.every((handle) => kernel.lives(handle))).toBe(true);
  });

  it('is found by the record of a packet in either direction', () => {
    const kernel = open();
    const handle = begin(kernel, flow(1, { sourceNat: { address: '203.0.113.1', port: 5000 } }));
    const find = (one: Flow) => {
      const record = encodeFlow(one);
      return kernel.find(record, 0, record.length);
    };
    const reply = kernel.lookup(flow(1).original)!.reply!;
    expect([find(flow(1)), find({ original: reply }), find(flow(2)), find(flow(1, { zone: 1 }))]).toEqual([
      handle,
      handle,
      0,
      0,
    ]);
  });

  it('is refused with the errno of the packet that is dropped', () => {
    const kernel = open();
    begin(kernel, flow(1));
    expect([begin(kernel, flow(1)), begin(kernel, flow(2, { master: flow(3).original }))]).toEqual([
      -Errno.EEXIST,
      -Errno.ENOENT,
    ]);
    const { tcp: _, ...rest } = flow(4);
    const udp = begin(kernel, { ...rest, original: { ...rest.original, protocol: 17 } });
    expect(() => kernel.setTcpState(udp, 1, 0, 1)).toThrow(RangeError);
  });
});
