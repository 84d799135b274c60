import { describe, expect, it } from 'vitest';
import { KernelFlush } from '../../src/daemon/common/kernel-flush.ts';
import type { TableAudit } from '../../src/daemon/common/table-audit.ts';
import { resendRecords } from '../../src/daemon/sync/kernel-audit.ts';
import { Change, Origin } from '../../src/flow/change.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import { Item } from '../../src/flow/item.ts';
import { type Dump, type Kernel, KernelError } from '../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { encodeExpectation } from '../../src/wire/encode.ts';
import { Node } from '../sync/node.ts';
import { flow } from '../table/records.ts';

const EVERYTHING = () => true;

/** A kernel with flows 0 to below `count`, and a node that has read their events and sent them to its peer. */
function together(count: number): { kernel: MemoryKernel; node: Node } {
  const kernel = new MemoryKernel({ timeout: false, windowScale: false });
  const node = new Node();
  for (let n = 0; n < count; n++) kernel.originate(flow(n), 600);
  deliverEvents(kernel, node);
  node.transmit();
  return { kernel, node };
}

/** Delivers the pending events to the node. */
function deliverEvents(kernel: MemoryKernel, node: Node): void {
  kernel.readEvents(
    {
      flow: (change, origin, bytes, length) => node.kernel(change, bytes.slice(0, length), origin),
      expectation: () => {},
      traffic: () => {},
    },
    1_000_000,
  );
}

/** Drops the pending events. */
function lose(kernel: MemoryKernel): void {
  kernel.readEvents({ flow: () => {}, expectation: () => {}, traffic: () => {} }, 1_000_000);
}

function number(bytes: Uint8Array, length: number): number {
  const [, , high, low] = decodeFlow(bytes, 0, length).original.source.split('.').map(Number);
  return 256 * high! + low!;
}

function recordOf(expectation: Expectation): [Uint8Array, number] {
  const bytes = encodeExpectation(expectation);
  return [bytes, bytes.length];
}

function run(audit: TableAudit): number {
  let steps = 1;
  while (!audit.step()) steps++;
  return steps;
}

/** The same kernel, which counts its open dumps. */
function counting(kernel: MemoryKernel): {
  kernel: Kernel;
  open: () => number;
  fail: (from: number) => void;
} {
  let open = 0;
  let failsFrom = Number.POSITIVE_INFINITY;
  const dumpFlows = (): Dump => {
    const dump = kernel.dumpFlows();
    let closed = false;
    let steps = 0;
    open++;
    return {
      step: (sink) => {
        if (steps++ >= failsFrom) throw new KernelError('no more today');
        return dump.step(sink);
      },
      close: () => {
        if (!closed) open--;
        closed = true;
        dump.close();
      },
    };
  };
  const counted: Kernel = Object.create(kernel, { dumpFlows: { value: dumpFlows } });
  return {
    kernel: counted,
    open: () => open,
    fail: (from) => {
      failsFrom = from;
    },
  };
}

describe('the audit of a replica', () => {
  it('sends what the dump shows, and the end of what is gone', () => {
    const { kernel, node } = together(10);
    kernel.expire(flow(3).original);
    kernel.setState(flow(4).original, { mark: 9 });
    kernel.originate(flow(20), 600);
    lose(kernel);
    const audit = resendRecords(kernel, node.replica.cached.flows, EVERYTHING, () => 1000);
    run(audit);
    expect(audit.purged).toBe(1);
    const sent = node.transmitBrief();
    expect(sent.filter((text) => text.startsWith('DEL')).length).toBe(1);
    expect(sent.length).toBe(11);
    expect(node.flows.counters.active).toBe(10);
  });

  it('asks in several steps about a table that is larger than a batch', () => {
    const { kernel, node } = together(1000);
    for (let n = 0; n < 1000; n += 2) kernel.expire(flow(n).original);
    lose(kernel);
    const audit = resendRecords(kernel, node.replica.cached.flows, EVERYTHING, () => 1000);
    expect(run(audit)).toBeGreaterThan(4);
    expect(audit.purged).toBe(500);
    expect(node.flows.counters.active).toBe(500);
  });

  it('asks about nothing if the dump showed every record', () => {
    const { kernel, node } = together(300);
    const audit = resendRecords(kernel, node.replica.cached.flows, EVERYTHING, () => 1000);
    run(audit);
    expect(audit.purged).toBe(0);
    expect(node.flows.counters.active).toBe(300);
  });

  it('keeps a flow that began meanwhile, which no dump shows', () => {
    const { kernel, node } = together(10);
    const audit = resendRecords(kernel, node.replica.cached.flows, EVERYTHING, () => 1000);
    kernel.originate(flow(30), 600);
    deliverEvents(kernel, node);
    run(audit);
    expect(audit.purged).toBe(0);
    expect(node.flows.counters.active).toBe(11);
  });

  it('sends the end of a flow once that ends meanwhile', () => {
    const { kernel, node } = together(10);
    const audit = resendRecords(kernel, node.replica.cached.flows, EVERYTHING, () => 1000);
    audit.step();
    kernel.expire(flow(3).original);
    deliverEvents(kernel, node);
    run(audit);
    expect(node.transmitBrief().filter((text) => text.startsWith('DEL')).length).toBe(1);
  });

  it('does not add what the filter rejects, but keeps what both it and the kernel have', () => {
    const { kernel, node } = together(4);
    kernel.originate(flow(50), 600);
    lose(kernel);
    const audit = resendRecords(
      kernel,
      node.replica.cached.flows,
      (bytes, length) => number(bytes, length) < 2,
      () => 1000,
    );
    run(audit);
    expect(audit.purged).toBe(0);
    expect(node.flows.counters.active).toBe(4);
    expect(node.transmitBrief().length).toBe(2);
  });

  it('adds expectations as well, and ends those that are gone', () => {
    const kernel = new MemoryKernel({ timeout: false, windowScale: false, expectations: true });
    const node = new Node();
    const expectation = (port: number) => ({
      master: flow(0).original,
      expected: { ...flow(0).original, ports: { source: 0, destination: port } },
    });
    kernel.originate(flow(0, { helper: 'ftp' }), 600);
    kernel.expect(expectation(1), 600);
    node.replica.handleKernelChange(
      Item.EXPECTATION,
      Change.NEW,
      Origin.OTHER,
      ...recordOf(expectation(2)),
      0,
    );
    node.transmit();
    lose(kernel);
    const audit = resendRecords(kernel, node.replica.cached.expectations, EVERYTHING, () => 1000);
    run(audit);
    expect(audit.purged).toBe(1);
    expect(node.expectations.counters.active).toBe(1);
    expect(node.transmitBrief()).toEqual(['EXP NEW HELLO', 'EXP DEL HELLO']);
  });

  it('finds what is gone in every audit, also after more of them than it can number', () => {
    const { kernel, node } = together(2);
    for (let n = 0; n < 256; n++)
      run(
        resendRecords(
          kernel,
          node.replica.cached.flows,
          () => false,
          () => 1000,
        ),
      );
    kernel.expire(flow(1).original);
    lose(kernel);
    const audits = [1, 2].map(() => resendRecords(kernel, node.replica.cached.flows, EVERYTHING, () => 1000));
    let purged = 0;
    for (const audit of audits) {
      run(audit);
      purged += audit.purged;
    }
    expect(purged).toBe(1);
  });

  it('closes its dump at the end, when the kernel fails, and when it is given up', () => {
    const { kernel, node } = together(200);
    const counted = counting(kernel);
    run(resendRecords(counted.kernel, node.replica.cached.flows, EVERYTHING, () => 1000));
    expect(counted.open()).toBe(0);
    const givenUp = resendRecords(counted.kernel, node.replica.cached.flows, EVERYTHING, () => 1000);
    givenUp.step();
    expect(counted.open()).toBe(1);
    givenUp.close();
    expect(counted.open()).toBe(0);
    counted.fail(1);
    const failing = resendRecords(counted.kernel, node.replica.cached.flows, EVERYTHING, () => 1000);
    failing.step();
    expect(() => failing.step()).toThrow(KernelError);
    expect(counted.open()).toBe(0);
  });
});

describe('KernelFlush', () => {
  it('removes the flows that the filter selects, over several batches, and counts them', () => {
    const { kernel } = together(500);
    const flush = new KernelFlush(kernel, (bytes, length) => number(bytes, length) >= 100);
    while (!flush.step());
    expect(flush.removed).toBe(400);
    expect(kernel.size).toBe(100);
    expect(kernel.lookup(flow(99).original)).toBeDefined();
  });

  it('counts as our own, and does not fail if a flow ends by itself meanwhile', () => {
    const { kernel, node } = together(100);
    const flush = new KernelFlush(kernel, EVERYTHING);
    kernel.expire(flow(80).original);
    lose(kernel);
    while (!flush.step());
    expect(flush.removed).toBe(99);
    const origins = new Set<Origin>();
    kernel.readEvents(
      {
        flow: (change, origin, bytes, length) => {
          expect(change).toBe(Change.DESTROY);
          origins.add(origin);
          node.kernel(change, bytes.slice(0, length), origin);
        },
        expectation: () => {},
        traffic: () => {},
      },
      1000,
    );
    expect([...origins]).toEqual([Origin.COMMIT]);
    // What the peer did not acknowledge yet is still kept for it; nothing new is sent.
    expect(node.transmitBrief()).toEqual([]);
  });

  it('closes its dump when it is given up', () => {
    const { kernel } = together(200);
    const counted = counting(kernel);
    const flush = new KernelFlush(counted.kernel, EVERYTHING);
    flush.step();
    flush.close();
    expect(counted.open()).toBe(0);
  });
});
