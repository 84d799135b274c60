import { describe, expect, it } from 'vitest';
import { Change, Origin } from '../../src/flow/change.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Status } from '../../src/flow/status.ts';
import { Errno } from '../../src/kernel/errno.ts';
import { inverseTuple, MemoryKernel } from '../../src/kernel/memory.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { describeKernel } from './behaviour.ts';
import { drain, recorder } from './inside.ts';

describeKernel('the table in memory', async ({ smallQueue } = {}) => {
  const kernel = new MemoryKernel({
    timeout: true,
    windowScale: false,
    expectations: true,
    ...(smallQueue ? { eventLimit: 8 } : {}),
  });
  let now = 0;
  return {
    kernel,
    dumpFlows: () => kernel.dumpFlows(),
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
    expect(kernel.lookup(inverseTuple(one.original)!)).toBeUndefined();
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
});
