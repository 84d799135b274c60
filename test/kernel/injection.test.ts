import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Origin } from '../../src/flow/change.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Status } from '../../src/flow/status.ts';
import { Injection } from '../../src/kernel/apply/injection.ts';
import type { InjectionCounters } from '../../src/kernel/apply/injection-counters.ts';
import { type InjectionFailure, injectionFailureText } from '../../src/kernel/apply/injection-failure.ts';
import { type Batch, type Kernel, KernelError } from '../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { Errno } from '../../src/system/errno.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import {
  deliver,
  expectation,
  expectationMessage,
  flowMessage,
  ftp,
  type Message,
  oneByOne,
  situation,
  tcp,
  tuple,
} from './injection-messages.ts';
import { recorder, wholeDump } from './inside.ts';

const { CONFIRMED } = Status;

const open = (options: { fallbackTimeout?: number; limit?: number } = {}) => {
  const { fallbackTimeout = 60, limit } = options;
  const kernel = new MemoryKernel({
    timeout: true,
    windowScale: false,
    expectations: true,
    ...(limit === undefined ? {} : { limit }),
  });
  const injection = new Injection(kernel, { liberal: true, fallbackTimeout });
  const receive = (...messages: readonly Message[]) => {
    for (const message of messages) deliver(injection, message);
  };
  const flows = () => wholeDump(kernel.dumpFlows()).map(({ record }) => decodeFlow(record, 0, record.length));
  const expectations = () =>
    wholeDump(kernel.dumpExpectations()).map(({ record }) => decodeExpectation(record, 0, record.length));
  return { kernel, injection, receive, flows, expectations };
};

const counted = (counters: InjectionCounters) =>
  Object.fromEntries(Object.entries(counters).filter(([, value]) => value !== 0));

const texts = (failures: readonly InjectionFailure[]) => failures.map(injectionFailureText);

describe('an injection', () => {
  it('waits until it is flushed, and carries out what came in order', () => {
    const { injection, receive, flows } = open();
    receive(flowMessage('new', tcp(1)), flowMessage('upd', tcp(2)), flowMessage('upd', tcp(1, { mark: 7 })));
    expect(injection.pending).toBe(3);
    expect(flows()).toEqual([]);
    injection.flush();
    expect(injection.pending).toBe(0);
    expect(flows()).toMatchObject([{ original: tuple(1), mark: 7 }, { original: tuple(2) }]);
    receive(flowMessage('del', tcp(1)));
    injection.flush();
    expect(flows()).toMatchObject([{ original: tuple(2) }]);
    expect(counted(injection.flows.counters)).toEqual({ created: 1, updated: 2, destroyed: 1 });
    expect(injection.takeFailures()).toEqual({ described: [], more: 0 });
  });

  it('does not wait for ever: many requests are carried out without a flush', () => {
    const { injection, receive, flows } = open();
    for (let port = 1; port <= 2000; port++) receive(flowMessage('new', tcp(port)));
    expect(injection.pending).toBeLessThanOrEqual(256);
    expect(flows().length + injection.pending).toBe(2000);
  });

  it('marks what it does as its own doing', () => {
    const { kernel, injection, receive } = open();
    receive(flowMessage('new', tcp(1)), flowMessage('del', tcp(1)));
    injection.flush();
    const sink = recorder();
    kernel.readEvents(sink, 10);
    expect(sink.seen.map(({ origin }) => origin)).toEqual([Origin.INJECT, Origin.INJECT]);
  });

  it('replaces an existing flow when the peer sends it as new', () => {
    const { injection, receive, flows, kernel } = open();
    kernel.originate(tcp(1, { mark: 1, labels: [5] }), 1000);
    receive(flowMessage('new', tcp(1, { mark: 2 })));
    injection.flush();
    expect(flows()).toMatchObject([{ mark: 2, timeout: 100 }]);
    expect(flows()[0]!.labels).toBeUndefined();
    expect(counted(injection.flows.counters)).toEqual({ created: 1 });
  });

  it('creates what the peer updates and does not exist, with all that the record has', () => {
    const { injection, receive, flows } = open();
    const flow = tcp(1, { sourceNat: { address: '203.0.113.9', port: 4711 }, helper: 'ftp' });
    receive(flowMessage('upd', flow));
    injection.flush();
    expect(flows()).toMatchObject([{ sourceNat: flow.sourceNat, helper: 'ftp' }]);
    expect(counted(injection.flows.counters)).toEqual({ updated: 1 });
  });

  it('updates what is there without its translation, helper and master', () => {
    const { injection, receive, flows, kernel } = open();
    kernel.originate(tcp(1), 1000);
    receive(flowMessage('upd', tcp(1, { mark: 5, helper: 'ftp', sourceNat: { address: '203.0.113.9' } })));
    injection.flush();
    expect(flows()).toMatchObject([{ mark: 5, timeout: 100 }]);
    expect(flows()[0]!.helper).toBeUndefined();
    expect(flows()[0]!.sourceNat).toBeUndefined();
  });

  it('replaces what cannot be updated', () => {
    const { injection, receive, flows, kernel } = open();
    kernel.originate(tcp(1), 1000);
    receive(flowMessage('upd', tcp(1, { status: CONFIRMED, tcp: { state: 1 } })));
    injection.flush();
    expect(flows()).toMatchObject([{ status: CONFIRMED, tcp: { state: 1 } }]);
    expect(counted(injection.flows.counters)).toEqual({ updated: 1 });
  });

  it('ignores the end of what does not exist', () => {
    const { injection, receive } = open();
    receive(flowMessage('del', tcp(1)));
    injection.flush();
    expect(counted(injection.flows.counters)).toEqual({});
    expect(injection.takeFailures().described).toEqual([]);
  });

  it('does not bring back a flow by a second attempt that its end has overtaken', () => {
    const { injection, receive, flows, kernel } = open();
    kernel.originate(tcp(3), 1000);
    receive(
      flowMessage('upd', tcp(1)),
      flowMessage('del', tcp(1)),
      flowMessage('new', tcp(3)),
      flowMessage('del', tcp(3)),
    );
    injection.flush();
    expect(flows()).toEqual([]);
    expect(counted(injection.flows.counters)).toEqual({ created: 1, updated: 1, destroyed: 2 });
  });

  it('does not lose a flow that comes back by the second attempt of its former life', () => {
    const { injection, receive, flows } = open();
    receive(
      flowMessage('upd', tcp(1, { mark: 1 })),
      flowMessage('del', tcp(1)),
      flowMessage('new', tcp(1, { mark: 2 })),
    );
    injection.flush();
    expect(flows()).toMatchObject([{ mark: 2 }]);
    expect(counted(injection.flows.counters)).toEqual({ created: 1, updated: 1, destroyed: 1 });
  });

  it('has a master in the kernel before the flow that it expected, also by a second attempt', () => {
    const { injection, receive, flows } = open();
    const child = tcp(2, { master: tuple(1) });
    receive(flowMessage('upd', tcp(1)), flowMessage('upd', child));
    injection.flush();
    expect(flows().map(({ original }) => original.ports!.source)).toEqual([1, 2]);
    expect(counted(injection.flows.counters)).toEqual({ updated: 2 });
  });

  it('keeps expectations in order with the flows they belong to', () => {
    const { injection, receive, expectations } = open();
    receive(flowMessage('upd', ftp(1)), expectationMessage('new', expectation(ftp(1), 2000)));
    injection.flush();
    expect(expectations()).toMatchObject([{ master: ftp(1).original }]);
    receive(expectationMessage('new', expectation(ftp(1), 2001)), flowMessage('del', ftp(1)));
    injection.flush();
    expect(expectations()).toEqual([]);
    expect(counted(injection.expectations.counters)).toEqual({ created: 2 });
  });

  it('replaces expectations, new or updated, and ignores the end of unknown ones', () => {
    const { injection, receive, expectations, kernel } = open();
    kernel.originate(ftp(1), 1000);
    const wanted = expectation(ftp(1), 2000);
    receive(
      expectationMessage('new', wanted),
      expectationMessage('upd', { ...wanted, timeout: 200 }),
      expectationMessage('del', expectation(ftp(1), 2001)),
    );
    injection.flush();
    // The helper says how long it expects a flow, not the request.
    expect(expectations()).toMatchObject([{ timeout: 300 }]);
    receive(expectationMessage('del', wanted));
    injection.flush();
    expect(expectations()).toEqual([]);
    expect(counted(injection.expectations.counters)).toEqual({ created: 2, destroyed: 1 });
    expect(counted(injection.flows.counters)).toEqual({});
  });

  it('uses the timeout that was received, and the fallback where none was', () => {
    const { injection, receive, flows, kernel } = open({ fallbackTimeout: 77 });
    const { timeout: _, ...without } = tcp(2);
    kernel.originate(tcp(3), 1000);
    const { timeout: _3, ...known } = tcp(3, { mark: 3 });
    receive(flowMessage('new', tcp(1)), flowMessage('new', without), flowMessage('upd', known));
    injection.flush();
    expect(Object.fromEntries(flows().map((f) => [f.original.ports!.source, f.timeout]))).toEqual({
      1: 100,
      2: 77,
      3: 1000,
    });
  });

  it('with a fallback of 0 fails as the C node does where no timeout was received', () => {
    const { injection, receive, flows } = open({ fallbackTimeout: 0 });
    const { timeout: _, ...without } = tcp(1);
    receive(flowMessage('new', without), flowMessage('upd', without));
    injection.flush();
    expect(flows()).toEqual([]);
    expect(counted(injection.flows.counters)).toEqual({ createFailed: 1, updateFailed: 1 });
    expect(texts(injection.takeFailures().described)).toEqual([
      'could not add new ct entry: Invalid argument',
      'could not update ct entry, even if creating it instead: Invalid argument',
    ]);
  });

  it('logs what failed and how, in the C node’s words', () => {
    const { injection, receive, kernel } = open();
    const taken = { sourceNat: { address: '203.0.113.9', port: 4711 } };
    kernel.originate(tcp(1, taken), 1000);
    kernel.originate(tcp(2), 1000);
    const clash = tcp(3, { original: tuple(3, { source: '192.0.2.3' }), ...taken });
    const unable = tcp(2, { status: CONFIRMED, helper: 'nosuch' });
    receive(
      flowMessage('new', clash),
      flowMessage('upd', unable),
      expectationMessage('new', expectation(ftp(9), 2000)),
    );
    injection.flush();
    const { described, more } = injection.takeFailures();
    expect(more).toBe(0);
    const inWords = described.map(
      (failure) => `${failure.item} ${failure.asked} ${failure.step}: ${injectionFailureText(failure)}`,
    );
    expect(inWords.sort()).toEqual([
      'expectation create create: could not add new exp entry: No such file or directory',
      'flow create create: could not add new ct entry: File exists',
      'flow update replace: could not update ct entry, even when deleting it first: Operation not supported',
    ]);
    const { record } = described.find(({ errno }) => errno === Errno.EEXIST)!;
    expect(decodeFlow(record, 0, record.length)).toMatchObject(clash);
    expect(injection.takeFailures().described).toEqual([]);
  });

  it('describes no more failures than anyone would read, and counts the rest', () => {
    const { injection, receive } = open();
    for (let port = 1; port <= 150; port++) receive(flowMessage('new', tcp(port, { helper: 'nosuch' })));
    injection.flush();
    const { described, more } = injection.takeFailures();
    expect([described.length, more]).toEqual([100, 50]);
    expect(counted(injection.flows.counters)).toEqual({ createFailed: 150 });
  });

  it('asks for a burst about different flows in a few batches', () => {
    const { kernel } = open();
    let runs = 0;
    const counting = watching(kernel, () => {
      runs++;
    });
    const injection = new Injection(counting, { liberal: true, fallbackTimeout: 60 });
    for (let port = 1; port <= 200; port++) deliver(injection, flowMessage('new', tcp(port)));
    for (let port = 1; port <= 50; port++) deliver(injection, flowMessage('upd', tcp(port)));
    injection.flush();
    expect(runs).toBeLessThanOrEqual(3);
    for (let port = 1; port <= 200; port++) deliver(injection, flowMessage('new', tcp(port)));
    injection.flush();
    // Each had to be replaced: 200, and twice 200 again.
    expect(runs).toBeLessThanOrEqual(3 + 2 + 4);
    expect(counted(injection.flows.counters)).toEqual({ created: 400, updated: 50 });
  });

  it('counts as failed what a kernel leaves unanswered, and goes on', () => {
    const { kernel, flows } = open();
    let silent = true;
    const injection = new Injection(
      watching(kernel, () => {
        if (silent) throw new KernelError('no answer', Errno.EAGAIN);
      }),
      { liberal: true, fallbackTimeout: 60 },
    );
    for (const asked of ['new', 'upd', 'del'] as const) deliver(injection, flowMessage(asked, tcp(1)));
    injection.flush();
    expect(counted(injection.flows.counters)).toEqual({ createFailed: 1, updateFailed: 1, destroyFailed: 1 });
    expect(texts(injection.takeFailures().described)).toEqual([
      'could not add new ct entry: Resource temporarily unavailable',
      'could not update ct entry: Resource temporarily unavailable',
      'could not destroy ct entry: Resource temporarily unavailable',
    ]);
    silent = false;
    deliver(injection, flowMessage('new', tcp(2)));
    injection.flush();
    expect(flows()).toMatchObject([{ original: tuple(2) }]);
  });

  it('does as one would that carries out one message after the other', () => {
    fc.assert(
      fc.property(situation(), ({ there, messages, fallbackTimeout }) => {
        const batched = open({ fallbackTimeout });
        const single = open({ fallbackTimeout });
        for (const { kernel } of [batched, single]) {
          for (const flow of there) kernel.originate(flow, flow.timeout ?? 30);
        }
        const model = oneByOne(single.kernel, fallbackTimeout);
        for (const message of messages) {
          if (message === 'flush') batched.injection.flush();
          else {
            deliver(batched.injection, message);
            model.deliver(message);
          }
        }
        batched.injection.flush();
        const { injection } = batched;
        expect({
          flows: batched.flows().map(text).sort(),
          expectations: batched.expectations().map(text).sort(),
          counters: [injection.flows.counters, injection.expectations.counters],
          failures: texts(injection.takeFailures().described).sort(),
        }).toEqual({
          flows: single.flows().map(text).sort(),
          expectations: single.expectations().map(text).sort(),
          counters: model.counters,
          failures: model.failures.sort(),
        });
      }),
      { numRuns: 1000 },
    );
  }, 60_000);
});

const text = (value: Flow | Expectation) => JSON.stringify(value);

/** The kernel, with a look at each batch that it runs. */
function watching(kernel: MemoryKernel, look: () => void): Kernel {
  return new Proxy(kernel, {
    get(target, name) {
      if (name === 'run') {
        return (batch: Batch) => {
          look();
          return target.run(batch);
        };
      }
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
