import { beforeEach, describe, expect, it } from 'vitest';
import { Change, Origin } from '../../../src/flow/change.ts';
import type { Flow } from '../../../src/flow/flow.ts';
import { Status } from '../../../src/flow/status.ts';
import { FtFw } from '../../../src/sync/ftfw/ftfw.ts';
import { SharedFlows } from '../../../src/sync/several/shared-flows.ts';
import { internalCaches } from '../../../src/table/caches.ts';
import type { InternalCache } from '../../../src/table/internal-cache.ts';
import { decodeFlow } from '../../../src/wire/decode.ts';
import { record } from '../../table/records.ts';

const SYN_SENT = 1;
const SYN_RECV = 2;
const ESTABLISHED = 3;
const LAST_ACK = 6;
const TIME_WAIT = 7;
const SHIFT = { position: 1000, offsetBefore: 0, offsetAfter: 4 };
const ANSWERED = Status.CONFIRMED | Status.SEEN_REPLY;
const ASSURED = ANSWERED | Status.ASSURED;

interface Request {
  readonly asked: 'replace' | 'update' | 'delete';
  readonly flow: Flow;
}

let cache: InternalCache;
let engine: FtFw;
let requests: Request[];
let shared: SharedFlows;

beforeEach(() => {
  const caches = internalCaches(1000);
  cache = caches.flows;
  engine = new FtFw(caches, { resendQueueSize: 100, ackWindowSize: 20, initialSequence: 1 }, 0);
  requests = [];
  const take =
    (asked: Request['asked']) =>
    (bytes: Uint8Array, start: number, end: number): void => {
      requests.push({ asked, flow: decodeFlow(bytes, start, end) });
    };
  const kernel = { replace: take('replace'), update: take('update'), delete: take('delete') };
  shared = new SharedFlows(cache, engine, kernel, () => {});
});

function receive(fields: Partial<Flow>, seconds = 0, kind: 'replace' | 'update' = 'update'): void {
  const bytes = record(1, fields);
  shared[kind](bytes, 0, bytes.length, seconds);
}

function event(change: Change, fields: Partial<Flow>, seconds = 0): boolean {
  const bytes = record(1, fields);
  return shared.handleKernelChange(change, Origin.OTHER, bytes, bytes.length, 1000 * seconds);
}

function look(fields: Partial<Flow>, seconds: number): boolean {
  cache.beginAudit();
  const bytes = record(1, fields);
  return shared.reconcile(bytes, bytes.length, 1000 * seconds);
}

function lookForShifted(fields: Partial<Flow>, seconds: number): boolean {
  cache.beginAudit();
  const bytes = record(1, fields);
  return shared.reconcileShifted(bytes, bytes.length, 1000 * seconds);
}

/** What the node has of the flow. */
function known(): Flow | undefined {
  const bytes = record(1);
  const slot = cache.table.find(bytes, 0, bytes.length);
  if (slot < 0) return undefined;
  const start = cache.table.offsetOf(slot);
  return decodeFlow(cache.table.bytesOf(slot), start, start + cache.table.sizeOf(slot));
}

/** Takes what waits to be sent as acknowledged by all. */
function acknowledgeAll(): void {
  const bytes = record(1);
  engine.forget(0, cache.table.find(bytes, 0, bytes.length));
}

describe('what a peer sends', () => {
  it('goes into the kernel, and is not sent again', () => {
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    expect(requests).toMatchObject([
      { asked: 'update', flow: { tcp: { state: ESTABLISHED }, timeout: 600 } },
    ]);
    expect(known()).toMatchObject({ tcp: { state: ESTABLISHED } });
    expect(engine.queues.transmitLength).toBe(0);
  });

  it('costs the kernel nothing where it says nothing new', () => {
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    receive({ tcp: { state: ESTABLISHED }, timeout: 590 }, 10);
    receive({ tcp: { state: SYN_RECV }, status: ANSWERED, timeout: 60 }, 10);
    expect(requests).toHaveLength(1);
    expect(shared.counters.known).toBe(2);
  });

  it('comes to the same in whichever order it arrives', () => {
    const fields: readonly Partial<Flow>[] = [
      { tcp: { state: SYN_SENT }, status: Status.CONFIRMED, timeout: 120 },
      { tcp: { state: ESTABLISHED }, status: ANSWERED, timeout: 600 },
      { tcp: { state: SYN_RECV }, status: ASSURED, timeout: 60 },
    ];
    for (const [a, b, c] of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [1, 2, 0],
    ] as const) {
      cache.flush();
      for (const n of [a, b, c]) receive(fields[n]!);
      expect(known()).toMatchObject({ tcp: { state: ESTABLISHED }, status: ASSURED, timeout: 600 });
    }
  });

  it('renews the timeout where the peer has the flow much longer', () => {
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 }, 100);
    expect(requests).toHaveLength(1);
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 }, 400);
    expect(requests).toMatchObject([{}, { asked: 'update', flow: { timeout: 600 } }]);
  });

  it('keeps the later end of a flow that this kernel has longer', () => {
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    receive({ tcp: { state: ESTABLISHED }, timeout: 100, mark: 7 }, 10);
    expect(requests[1]).toMatchObject({ flow: { mark: 7, timeout: 590 } });
  });

  it('replaces a connection that is over by a NEW one, and not by an UPD', () => {
    receive({ tcp: { state: TIME_WAIT }, timeout: 120 });
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    expect(requests).toHaveLength(1);
    receive({ tcp: { state: SYN_SENT }, status: Status.CONFIRMED, timeout: 120 }, 0, 'replace');
    expect(requests[1]).toMatchObject({ asked: 'replace', flow: { tcp: { state: SYN_SENT } } });
    expect(known()).toMatchObject({ tcp: { state: SYN_SENT }, status: Status.CONFIRMED });
  });

  it('does not end a flow', () => {
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    shared.delete();
    expect(requests).toHaveLength(1);
    expect(known()).toBeDefined();
    expect(shared.counters.endsIgnored).toBe(1);
  });

  it.each([
    ['greater', 9, 5, 9],
    ['smaller', 5, 9, 9],
  ])('leaves the greater of two marks that were set at once: the own one is %s', (_, own, theirs, stays) => {
    event(Change.UPDATE, { tcp: { state: ESTABLISHED }, timeout: 600, mark: own });
    receive({ tcp: { state: ESTABLISHED }, timeout: 600, mark: theirs });
    expect(known()).toMatchObject({ mark: stays });
    expect(requests.map(({ flow }) => flow.mark)).toEqual(stays === own ? [] : [stays]);
    expect(shared.counters.conflicts).toBe(1);
  });

  it('brings the last mark where the own one was acknowledged', () => {
    event(Change.UPDATE, { tcp: { state: ESTABLISHED }, timeout: 600, mark: 9 });
    acknowledgeAll();
    receive({ tcp: { state: ESTABLISHED }, timeout: 600, mark: 5 });
    expect(known()).toMatchObject({ mark: 5 });
    expect(shared.counters.conflicts).toBe(0);
    expect(engine.queues.transmitLength).toBe(0);
  });
});

describe('what the kernel says', () => {
  it('is sent, unless this node put it there', () => {
    event(Change.NEW, { tcp: { state: SYN_SENT }, timeout: 120 });
    expect(engine.queues.transmitLength).toBe(1);
    const bytes = record(2, { tcp: { state: SYN_SENT } });
    shared.handleKernelChange(Change.NEW, Origin.INJECT, bytes, bytes.length, 0);
    expect(engine.queues.transmitLength).toBe(1);
  });

  it('ends the flow here alone: nothing of it is sent any more', () => {
    event(Change.NEW, { tcp: { state: SYN_SENT }, timeout: 120 });
    expect(event(Change.DESTROY, { tcp: { state: SYN_SENT } })).toBe(true);
    expect(known()).toBeUndefined();
    expect(engine.queues.transmitLength).toBe(0);
    expect(event(Change.DESTROY, {})).toBe(false);
  });

  it('is an older event where a peer has brought the flow further', () => {
    receive({ tcp: { state: LAST_ACK }, timeout: 30 });
    event(Change.UPDATE, { tcp: { state: ESTABLISHED }, timeout: 600 });
    expect(known()).toMatchObject({ tcp: { state: LAST_ACK } });
    expect(engine.queues.transmitLength).toBe(0);
  });

  it('is another connection where the kernel alone has gone back', () => {
    event(Change.UPDATE, { tcp: { state: LAST_ACK }, timeout: 30 });
    event(Change.UPDATE, { tcp: { state: SYN_RECV }, status: ANSWERED, timeout: 60 });
    expect(known()).toMatchObject({ tcp: { state: SYN_RECV }, status: ANSWERED });
  });
});

describe('a look at the table', () => {
  it('renews a flow for the peers when half of its timeout is over for them, and traffic goes on here', () => {
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    expect(look({ tcp: { state: ESTABLISHED }, timeout: 599 }, 250)).toBe(false);
    expect(engine.queues.transmitLength).toBe(0);
    expect(look({ tcp: { state: ESTABLISHED }, timeout: 599 }, 310)).toBe(false);
    expect(engine.queues.transmitLength).toBe(1);
    expect(shared.counters.renewed).toBe(1);
    acknowledgeAll();
    look({ tcp: { state: ESTABLISHED }, timeout: 599 }, 315);
    expect(engine.queues.transmitLength).toBe(0);
  });

  it('leaves an idle flow to its timeout, and tells what is left of it', () => {
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    look({ tcp: { state: ESTABLISHED }, timeout: 100 }, 500);
    expect(engine.queues.transmitLength).toBe(0);
    expect(known()).toMatchObject({ timeout: 100 });
  });

  it('sends what no event told of', () => {
    expect(look({ tcp: { state: ESTABLISHED }, timeout: 600 }, 5)).toBe(true);
    expect(engine.queues.transmitLength).toBe(1);
  });

  it('puts the record into the kernel again that a packet had overtaken', () => {
    receive({ tcp: { state: TIME_WAIT }, timeout: 120 });
    expect(look({ tcp: { state: ESTABLISHED }, timeout: 600 }, 1)).toBe(false);
    expect(requests[1]).toMatchObject({ asked: 'update', flow: { tcp: { state: TIME_WAIT } } });
    expect(engine.queues.transmitLength).toBe(0);
  });

  it('sends shifted sequence numbers, also of a flow that a peer has just spoken of', () => {
    const shifted = { sequenceAdjustment: { original: SHIFT, reply: SHIFT } };
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    expect(lookForShifted({ tcp: { state: ESTABLISHED }, timeout: 600, ...shifted }, 1)).toBe(true);
    expect(known()).toMatchObject(shifted);
    expect(engine.queues.transmitLength).toBe(1);
    expect(lookForShifted({ tcp: { state: ESTABLISHED }, timeout: 600, ...shifted }, 2)).toBe(false);
  });

  it('leaves shifted numbers of a state that a peer has overtaken to the next look, and does not know others', () => {
    const shifted = { sequenceAdjustment: { original: SHIFT, reply: SHIFT } };
    expect(lookForShifted({ tcp: { state: ESTABLISHED }, timeout: 600, ...shifted }, 1)).toBe(false);
    expect(known()).toBeUndefined();
    receive({ tcp: { state: LAST_ACK }, timeout: 30 }, 1);
    expect(lookForShifted({ tcp: { state: ESTABLISHED }, timeout: 600, ...shifted }, 2)).toBe(false);
    expect(known()).toMatchObject({ tcp: { state: LAST_ACK } });
    expect(engine.queues.transmitLength).toBe(0);
  });

  it('forgets a flow that is gone, and tells nobody', () => {
    receive({ tcp: { state: ESTABLISHED }, timeout: 600 });
    const bytes = record(1);
    expect(shared.handleGone(cache.table.find(bytes, 0, bytes.length))).toBe(true);
    expect(known()).toBeUndefined();
    expect(engine.queues.transmitLength).toBe(0);
  });
});
