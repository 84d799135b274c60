import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { Commit } from '../../src/kernel/apply/commit.ts';
import type { Batch, Kernel } from '../../src/kernel/kernel.ts';
import { Errno } from '../../src/system/errno.ts';
import { ExternalCache } from '../../src/table/external-cache.ts';
import { FlowKeyer } from '../../src/table/key.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { FLOW_FORMAT } from '../../src/wire/record.ts';
import { flow, record } from '../table/records.ts';

const OPEN: Partial<Flow> = { tcp: { state: 3 } };
const CLOSING: Partial<Flow> = { tcp: { state: 7 } };
const OPENING: Partial<Flow> = { tcp: { state: 1 }, status: Status.CONFIRMED };
const CHILD: Partial<Flow> = { ...OPEN, master: flow(0).original };
const KINDS = [OPEN, CLOSING, OPENING, CHILD, {}] as const;

/** Takes every request, and notes which flows were created, in order. */
class NotingKernel {
  readonly created: Flow[] = [];
  readonly batch: Batch;
  size = 0;

  constructor(batchSize: number) {
    const kernel = this;
    this.batch = {
      get size() {
        return kernel.size;
      },
      get full() {
        return kernel.size >= batchSize;
      },
      create: (bytes: Uint8Array, start: number, end: number) => {
        kernel.size++;
        kernel.created.push(decodeFlow(bytes, start, end));
      },
      clear: () => {
        kernel.size = 0;
      },
    } as unknown as Batch;
  }

  run(): Int32Array {
    return new Int32Array(this.size);
  }
}

function externalCache(limit = 1000): ExternalCache {
  return new ExternalCache(FLOW_FORMAT, new FlowKeyer(1), limit);
}

function put(cache: ExternalCache, n: number, fields: Partial<Flow>, seconds: number): void {
  const bytes = record(n, fields);
  cache.update(bytes, 0, bytes.length, seconds);
}

/** Commits; `between` runs after each batch. */
function commit(cache: ExternalCache, batchSize = 4, between: (batch: number) => void = () => {}): Flow[] {
  const kernel = new NotingKernel(batchSize);
  const options = { timeout: 180, liberal: true };
  const run = Commit.flows(kernel as unknown as Kernel, kernel.batch, cache, options);
  for (let batch = 0; !run.step(1000); batch++) between(batch);
  expect(run.committed).toBe(kernel.created.length);
  return kernel.created;
}

const numberOf = ({ original }: Flow): number => Number(original.source.split('.')[3]);

describe('the order of a commit', () => {
  it('begins with what spoke last', () => {
    const cache = externalCache();
    for (const [n, seconds] of [10, 500, 30, 500, 20].entries()) put(cache, n, OPEN, seconds);
    expect(commit(cache).map(numberOf)).toEqual([1, 3, 2, 4, 0]);
  });

  it('goes by the timeouts where a bulk transfer has updated all at once', () => {
    const cache = externalCache();
    const timeouts = [300_000, 432_000, 3600, 431_990, 120];
    for (const [n, timeout] of timeouts.entries()) put(cache, n, { ...OPEN, timeout }, 500);
    expect(commit(cache).map(numberOf)).toEqual([1, 3, 0, 2, 4]);
  });

  it('holds for timeouts as long as the field can hold', () => {
    const cache = externalCache();
    put(cache, 1, { ...OPEN, timeout: 100 }, 500);
    put(cache, 2, { ...OPEN, timeout: 0xffff_ffff }, 500);
    put(cache, 3, { ...OPEN, timeout: 200 }, 500);
    expect(commit(cache).map(numberOf)).toEqual([2, 3, 1]);
  });

  it.each([65_535, 65_536])('holds where the first and the last expire %i s apart', (apart) => {
    const cache = externalCache();
    const timeouts = [0, apart - 1, apart, 1, 2];
    for (const [n, timeout] of timeouts.entries()) put(cache, n, { ...OPEN, timeout: 100 + timeout }, 500);
    expect(commit(cache).map(numberOf)).toEqual([2, 1, 4, 3, 0]);
  });

  it('takes records that are days old as well', () => {
    const cache = externalCache();
    put(cache, 1, OPEN, 5);
    put(cache, 2, OPEN, 1_000_000);
    put(cache, 3, OPEN, 999_999);
    expect(commit(cache).map(numberOf)).toEqual([2, 3, 1]);
  });

  it('puts open connections before unanswered and closing ones, and masters before the flows that they expected', () => {
    const cache = externalCache();
    put(cache, 1, CHILD, 900);
    put(cache, 2, CLOSING, 800);
    put(cache, 3, OPENING, 700);
    put(cache, 0, CLOSING, 600);
    put(cache, 4, OPEN, 100);
    put(cache, 5, { original: { ...flow(5).original, protocol: Protocol.UDP } }, 50);
    expect(commit(cache).map(numberOf)).toEqual([4, 5, 2, 3, 0, 1]);
  });

  it('commits at the end what came meanwhile', () => {
    const cache = externalCache();
    for (let n = 0; n < 10; n++) put(cache, n, OPEN, 100);
    const created = commit(cache, 4, (batch) => {
      if (batch > 0) return;
      cache.drop(cache.table.find(record(9), 0, record(9).length));
      put(cache, 20, CHILD, 200);
      put(cache, 21, OPEN, 200);
    });
    // Flow 20 took the slot of flow 9, which has its turn among the children; flow 21 has a new one.
    expect(created.map(numberOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 21]);
  });
});

describe('the timeouts of what a step created', () => {
  /** Steps through a commit at second 1000 whose kernel answers with `errnoOf`; by flow, what it recorded of each. */
  function recordedTimeouts(
    timeout: number | undefined,
    fields: readonly Partial<Flow>[],
    errnoOf: (n: number) => number = () => 0,
  ): Map<number, number> {
    const cache = externalCache();
    for (const [n, field] of fields.entries()) put(cache, n, field, 990);
    const kernel = new NotingKernel(2);
    kernel.run = () =>
      Int32Array.from(kernel.created.slice(-kernel.size), (created) => errnoOf(numberOf(created)));
    const run = Commit.flows(kernel as unknown as Kernel, kernel.batch, cache, { timeout, liberal: true });
    const recorded = new Map<number, number>();
    for (let done = false; !done; ) {
      done = run.step(1000);
      expect(run.createdTimeouts).toHaveLength(run.created.length);
      for (const [n, slot] of run.created.entries()) {
        const { table } = cache;
        const at = table.offsetOf(slot);
        const created = decodeFlow(table.bytesOf(slot), at, at + table.sizeOf(slot));
        recorded.set(numberOf(created), run.createdTimeouts[n]!);
        expect(run.createdTimeouts[n]).toBe(run.timeoutOf(slot, 1000));
      }
    }
    return recorded;
  }

  it('are what is left of the timeouts that the peer sent, in every pass', () => {
    const timed = [OPEN, CLOSING, CHILD, OPENING, OPEN].map((kind, n) => ({ ...kind, timeout: 100 + n }));
    const wanted = timed.map(({ timeout }, n) => [n, timeout - 10] as const);
    expect(recordedTimeouts(undefined, timed)).toEqual(new Map(wanted));
  });

  it('are CommitTimeout where it is set', () => {
    expect(recordedTimeouts(180, [{ ...OPEN, timeout: 100 }, CHILD])).toEqual(
      new Map([
        [0, 180],
        [1, 180],
      ]),
    );
  });

  it('stay beside their flows when the kernel refuses one of a batch', () => {
    const timed = [OPEN, OPEN, OPEN, OPEN].map((kind, n) => ({ ...kind, timeout: 104 - n }));
    const refused = recordedTimeouts(undefined, timed, (n) => (n === 2 ? Errno.EINVAL : 0));
    expect(refused).toEqual(
      new Map([
        [0, 94],
        [1, 93],
        [3, 91],
      ]),
    );
  });
});

describe('what a commit commits', () => {
  const seconds = fc.integer({ min: 1, max: 100_000 });
  const kind = fc.nat(KINDS.length - 1);
  const change = fc.record({ n: fc.nat(40), kind, seconds, drops: fc.boolean() });

  it('is all that the cache has, each once, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 80 }), fc.integer({ min: 1, max: 9 }), (changes, size) => {
        const cache = externalCache();
        const held = new Set<number>();
        for (const { n, kind, seconds, drops } of changes) {
          if (drops && held.delete(n)) cache.drop(cache.table.find(record(n), 0, record(n).length));
          else if (!drops) {
            put(cache, n, KINDS[kind]!, seconds);
            held.add(n);
          }
        }
        const created = commit(cache, size).map(numberOf);
        expect(created.sort((a, b) => a - b)).toEqual([...held].sort((a, b) => a - b));
      }),
    );
  });

  it('lacks nothing that was there all the time, while the cache changes between the batches', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ n: fc.nat(40), kind, seconds }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.array(change, { maxLength: 10 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 9 }),
        (first, later, size) => {
          const cache = externalCache();
          for (const { n, kind, seconds } of first) put(cache, n, KINDS[kind]!, seconds);
          const lasting = new Set(first.map(({ n }) => n));
          const ever = new Set(lasting);
          const created = commit(cache, size, (batch) => {
            for (const { n, kind, seconds, drops } of later[batch] ?? []) {
              const slot = cache.table.find(record(n), 0, record(n).length);
              if (drops) {
                if (slot >= 0) cache.drop(slot);
                lasting.delete(n);
              } else {
                put(cache, n, KINDS[kind]!, seconds);
                ever.add(n);
              }
            }
          }).map(numberOf);
          for (const n of lasting) expect(created.filter((one) => one === n)).toHaveLength(1);
          for (const n of created) expect(ever).toContain(n);
        },
      ),
    );
  });
});
