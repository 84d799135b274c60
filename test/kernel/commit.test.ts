import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LaggingQueue } from '../../sim/cluster/lagging-queue.ts';
import { Random } from '../../sim/random.ts';
import { wordsOf } from '../../src/bytes/words.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { Commit } from '../../src/kernel/apply/commit.ts';
import { DirectQueue } from '../../src/kernel/direct-queue.ts';
import type { Batch, BatchQueue, Kernel } from '../../src/kernel/kernel.ts';
import { Errno } from '../../src/system/errno.ts';
import { ExternalCache } from '../../src/table/external-cache.ts';
import { FlowKeyer } from '../../src/table/key.ts';
import { RECORD_MAX } from '../../src/wire/attribute.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { FLOW_FORMAT } from '../../src/wire/record.ts';
import { flow, record } from '../table/records.ts';

const OPEN: Partial<Flow> = { tcp: { state: 3 } };
const CLOSING: Partial<Flow> = { tcp: { state: 7 } };
const OPENING: Partial<Flow> = { tcp: { state: 1 }, status: Status.CONFIRMED };
const CHILD: Partial<Flow> = { ...OPEN, master: flow(0).original };
const KINDS = [OPEN, CLOSING, OPENING, CHILD, {}] as const;

type ErrnoOf = (flow: Flow, removed: boolean) => number;

/** Answers with `errnoOf`, and notes which flows it was asked to create and to remove, in order. */
class NotingKernel {
  /** Those that it created without an error. */
  readonly created: Flow[] = [];
  readonly removed: Flow[] = [];
  private readonly batchSize: number;
  private readonly errnoOf: ErrnoOf;
  private readonly requests = new Map<Batch, { readonly removes: boolean; readonly flow: Flow }[]>();

  constructor(batchSize: number, errnoOf: ErrnoOf = () => 0) {
    this.batchSize = batchSize;
    this.errnoOf = errnoOf;
  }

  batch(): Batch {
    const requests: { readonly removes: boolean; readonly flow: Flow }[] = [];
    const { batchSize } = this;
    const add = (removes: boolean) => (bytes: Uint8Array, start: number, end: number) => {
      if (requests.length === batchSize) throw new RangeError('the batch is full');
      requests.push({ removes, flow: decodeFlow(bytes, start, end) });
    };
    const batch = {
      get size() {
        return requests.length;
      },
      get full() {
        return requests.length >= batchSize;
      },
      hasRoomFor: (count: number) => requests.length + count <= batchSize,
      create: add(false),
      remove: add(true),
      clear: () => {
        requests.length = 0;
      },
    } as unknown as Batch;
    this.requests.set(batch, requests);
    return batch;
  }

  run(batch: Batch): Int32Array {
    return Int32Array.from(this.requests.get(batch)!, ({ removes, flow }) => {
      const errno = this.errnoOf(
        flow,
        this.removed.some((one) => numberOf(one) === numberOf(flow)),
      );
      if (removes) this.removed.push(flow);
      else if (errno === 0) this.created.push(flow);
      return errno;
    });
  }

  /** A queue that answers at once. */
  queue(): BatchQueue {
    return new DirectQueue(this as unknown as Kernel);
  }

  /** A queue that answers later, more or less by chance. */
  laggingQueue(seed: number): BatchQueue {
    const random = Random.forStream(seed);
    const lateness = random.below(5) / 4;
    return new LaggingQueue(this as unknown as Kernel, () => random.chance(lateness));
  }
}

function externalCache(limit = 1000): ExternalCache {
  return new ExternalCache(FLOW_FORMAT, new FlowKeyer(1), limit);
}

function put(cache: ExternalCache, n: number, fields: Partial<Flow>, seconds: number): void {
  const bytes = record(n, fields);
  cache.update(bytes, 0, bytes.length, seconds);
}

/** Commits; `between` runs after each batch. Without a seed the kernel answers at once. */
function commit(
  cache: ExternalCache,
  batchSize = 4,
  between: (batch: number) => void = () => {},
  seed?: number,
): Flow[] {
  const kernel = new NotingKernel(batchSize);
  const options = { timeout: 180, liberal: true };
  const queue = seed === undefined ? kernel.queue() : kernel.laggingQueue(seed);
  const run = Commit.flows(queue, cache, options);
  for (let batch = 0; !run.step(1000); batch++) between(batch);
  expect(run.committed).toBe(kernel.created.length);
  expect(takenFrom(run).map(({ original }) => original)).toEqual(
    kernel.created.map(({ original }) => original),
  );
  return kernel.created;
}

/** The flows that a commit says that it created. */
function takenFrom(run: Commit): Flow[] {
  const to = new Uint8Array(RECORD_MAX);
  const flows: Flow[] = [];
  for (;;) {
    const size = run.created.take(to, wordsOf(to));
    if (size === 0) return flows;
    flows.push(decodeFlow(to, 0, size));
  }
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

describe('what the kernel answers', () => {
  /** A commit of open flows from 0 on, whose kernel answers with `errnoOf`. */
  function committed(count: number, errnoOf: ErrnoOf, batchSize: number, seed?: number) {
    const cache = externalCache();
    for (let n = 0; n < count; n++) put(cache, n, { ...OPEN, timeout: 500 - n }, 990);
    const kernel = new NotingKernel(batchSize, errnoOf);
    const queue = seed === undefined ? kernel.queue() : kernel.laggingQueue(seed);
    const run = Commit.flows(queue, cache, { timeout: undefined, liberal: true });
    while (!run.step(1000));
    return { kernel, run };
  }

  it.each([undefined, 1, 2, 3, 4, 5])('decides what is replaced and what is refused (seed %s)', (seed) => {
    const exists = (n: number) => n % 3 === 1;
    const refused = (n: number) => n % 7 === 5;
    const stays = (n: number) => n % 11 === 10;
    const { kernel, run } = committed(
      60,
      (one, removed) => {
        const n = numberOf(one);
        if (refused(n)) return Errno.EINVAL;
        if (!exists(n)) return 0;
        if (stays(n)) return removed ? Errno.EPERM : Errno.EEXIST;
        return removed ? 0 : Errno.EEXIST;
      },
      // The second request about an existing flow must find room in the batch of the first.
      5,
      seed,
    );
    const all = Array.from({ length: 60 }, (_, n) => n);
    const good = all.filter((n) => !refused(n));
    const replaced = good.filter((n) => exists(n) && !stays(n));
    const fresh = good.filter((n) => !exists(n));
    expect(takenFrom(run).map(numberOf)).toEqual(fresh);
    expect(kernel.created.map(numberOf).sort((a, b) => a - b)).toEqual(
      [...fresh, ...replaced].sort((a, b) => a - b),
    );
    expect(run.committed).toBe(fresh.length + replaced.length);
    expect(run.failed).toBe(60 - fresh.length - replaced.length);
    expect(run.failures.filter(({ errno }) => errno === Errno.EINVAL)).toHaveLength(
      all.filter(refused).length,
    );
  });

  it('names a flow that the kernel refuses, also when it left the cache before the answer came', () => {
    const cache = externalCache();
    for (let n = 0; n < 8; n++) put(cache, n, OPEN, 990);
    const kernel = new NotingKernel(2, () => Errno.EPERM);
    const queue = new LaggingQueue(kernel as unknown as Kernel, () => true);
    const run = Commit.flows(queue, cache, { timeout: 180, liberal: true });
    run.step(1000);
    expect(run.failed).toBe(0);
    for (const n of [0, 1]) cache.drop(cache.table.find(record(n), 0, record(n).length));
    put(cache, 30, OPEN, 1000);
    while (!run.step(1000));
    expect(run.failures[0]!.subject).toContain('src=10.0.0.0 ');
    expect(run.failures[1]!.subject).toContain('src=10.0.0.1 ');
  });

  it('is waited for before a flow whose master it may concern', () => {
    const cache = externalCache();
    put(cache, 1, OPEN, 990);
    put(cache, 2, CHILD, 990);
    const kernel = new NotingKernel(4, (one, removed) =>
      numberOf(one) === 1 && !removed ? Errno.EEXIST : 0,
    );
    const queue = new LaggingQueue(kernel as unknown as Kernel, () => true);
    const run = Commit.flows(queue, cache, { timeout: 180, liberal: true });
    while (!run.step(1000));
    expect(kernel.created.map(numberOf)).toEqual([1, 2]);
  });
});

describe('the timeouts of what a commit created', () => {
  /** Commits at second 1000 with a kernel that answers with `errnoOf`; by flow, what it keeps of each. */
  function keptTimeouts(
    timeout: number | undefined,
    fields: readonly Partial<Flow>[],
    errnoOf: (n: number) => number = () => 0,
  ): Map<number, number | undefined> {
    const cache = externalCache();
    for (const [n, field] of fields.entries()) put(cache, n, field, 990);
    const kernel = new NotingKernel(2, (one) => errnoOf(numberOf(one)));
    const run = Commit.flows(kernel.queue(), cache, { timeout, liberal: true });
    while (!run.step(1000));
    return new Map(takenFrom(run).map((one) => [numberOf(one), one.timeout]));
  }

  it('are what is left of the timeouts that the peer sent, in every pass', () => {
    const timed = [OPEN, CLOSING, CHILD, OPENING, OPEN].map((kind, n) => ({ ...kind, timeout: 100 + n }));
    const wanted = timed.map(({ timeout }, n) => [n, timeout - 10] as const);
    expect(keptTimeouts(undefined, timed)).toEqual(new Map(wanted));
  });

  it('are CommitTimeout where it is set, unless the record has none', () => {
    expect(keptTimeouts(180, [{ ...OPEN, timeout: 100 }, CHILD])).toEqual(
      new Map([
        [0, 180],
        [1, undefined],
      ]),
    );
  });

  it('stay beside their flows when the kernel refuses one of a batch', () => {
    const timed = [OPEN, OPEN, OPEN, OPEN].map((kind, n) => ({ ...kind, timeout: 104 - n }));
    const refused = keptTimeouts(undefined, timed, (n) => (n === 2 ? Errno.EINVAL : 0));
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

  const seed = fc.option(fc.nat(), { nil: undefined });

  it('is all that the cache has, each once, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 80 }),
        fc.integer({ min: 1, max: 9 }),
        seed,
        (changes, size, seed) => {
          const cache = externalCache();
          const held = new Set<number>();
          for (const { n, kind, seconds, drops } of changes) {
            if (drops && held.delete(n)) cache.drop(cache.table.find(record(n), 0, record(n).length));
            else if (!drops) {
              put(cache, n, KINDS[kind]!, seconds);
              held.add(n);
            }
          }
          const created = commit(cache, size, undefined, seed).map(numberOf);
          expect(created.sort((a, b) => a - b)).toEqual([...held].sort((a, b) => a - b));
        },
      ),
    );
  });

  it('lacks nothing that was there all the time, while the cache changes between the batches', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ n: fc.nat(40), kind, seconds }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.array(change, { maxLength: 10 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 9 }),
        seed,
        (first, later, size, seed) => {
          const cache = externalCache();
          for (const { n, kind, seconds } of first) put(cache, n, KINDS[kind]!, seconds);
          const lasting = new Set(first.map(({ n }) => n));
          const ever = new Set(lasting);
          const created = commit(
            cache,
            size,
            (batch) => {
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
            },
            seed,
          ).map(numberOf);
          for (const n of lasting) expect(created.filter((one) => one === n)).toHaveLength(1);
          for (const n of created) expect(ever).toContain(n);
        },
      ),
    );
  });
});
