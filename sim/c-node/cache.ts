import { mergeRecords } from '../../src/wire/record.ts';
import type { Clock } from './clock.ts';
import type { Kind } from './identity.ts';
import { Queued } from './queue.ts';

/** The state of a record, which decides the type of its message. */
export const Life = {
  NEW: 0,
  UPDATED: 1,
  /** It ended. It is kept while anything refers to it, because its last message may have to be sent again. */
  DEAD: 2,
} as const;
export type Life = (typeof Life)[keyof typeof Life];

/** A record in a cache. */
export class Cached extends Queued {
  readonly cache: Cache;
  readonly key: string;
  readonly bucket: number;
  /** The canonical record. It is replaced, never written to. */
  record: Uint8Array;
  life: Life = Life.NEW;
  /** The sequence number of its last message. */
  sequence = 0;
  /** Seconds since 1970. */
  readonly since: number;
  lastUpdate: number;
  /** References from the cache and from the queue that it is in. */
  private references = 1;

  constructor(cache: Cache, key: string, bucket: number, record: Uint8Array, now: number) {
    super();
    this.cache = cache;
    this.key = key;
    this.bucket = bucket;
    this.record = record;
    this.since = now;
    this.lastUpdate = now;
  }

  get messageType(): number {
    return this.cache.kind.firstType + this.life;
  }

  retain(): void {
    this.references++;
  }

  /** Drops a reference. The last one removes the record. */
  release(): void {
    if (--this.references === 0) this.cache.remove(this);
  }
}

/** In words of `-s cache`, where those in brackets are implied by the others. */
export interface CacheCounters {
  /** active entries; (total entries: all that are in the cache) */
  active: number;
  /** creation OK */
  created: number;
  /** creation failed, (no space left in cache) */
  refused: number;
  /** update OK */
  updated: number;
  /** deletion created */
  destroyed: number;
}

/** Called on changes of a cache, by modes that have timers for its records. */
export interface CacheWatch {
  added(cached: Cached): void;
  updated(cached: Cached): void;
  removed(cached: Cached): void;
}

const scratch = new Uint8Array(2 * 65_536);

/** An internal or external cache, of flows or expectations. */
export class Cache {
  readonly kind: Kind;
  readonly counters: CacheCounters = { active: 0, created: 0, refused: 0, updated: 0, destroyed: 0 };
  private readonly clock: Clock;
  private readonly buckets: number;
  private readonly limit: number;
  private readonly watch: CacheWatch | undefined;
  private readonly byKey = new Map<string, Cached>();

  constructor(kind: Kind, clock: Clock, buckets: number, limit: number, watch?: CacheWatch) {
    this.kind = kind;
    this.clock = clock;
    this.buckets = buckets;
    this.limit = limit;
    this.watch = watch;
  }

  /** Records, dead ones included. */
  get size(): number {
    return this.byKey.size;
  }

  [Symbol.iterator](): Iterator<Cached> {
    return this.byKey.values();
  }

  /** In C's order: by bucket, and within a bucket the latest first. */
  inOrder(): Cached[] {
    return [...this.byKey.values()].reverse().sort((a, b) => a.bucket - b.bucket);
  }

  find(record: Uint8Array): Cached | undefined {
    return this.byKey.get(this.keyIn(this.bucket(record), record));
  }

  private bucket(record: Uint8Array): number {
    return this.kind.bucket(record, this.buckets);
  }

  private keyIn(bucket: number, record: Uint8Array): string {
    return `${bucket} ${this.kind.key(record)}`;
  }

  /** Applies a NEW: replaces a known record, and drops its queued message. Undefined if there is no room. */
  replace(record: Uint8Array): Cached | undefined {
    const bucket = this.bucket(record);
    const key = this.keyIn(bucket, record);
    const known = this.byKey.get(key);
    if (known) this.remove(known);
    return this.add(key, bucket, record);
  }

  /** Applies an UPD: merges it into a known record. Undefined if there is no room. */
  update(record: Uint8Array): Cached | undefined {
    const bucket = this.bucket(record);
    const key = this.keyIn(bucket, record);
    const known = this.byKey.get(key);
    if (known !== undefined && known.life !== Life.DEAD) {
      const { format } = this.kind;
      const length = mergeRecords(
        format,
        known.record,
        0,
        known.record.length,
        record,
        0,
        record.length,
        scratch,
        0,
      );
      known.record = scratch.slice(0, length);
      this.watch?.updated(known);
      this.counters.updated++;
      known.lastUpdate = this.clock.turnSeconds;
      known.life = Life.UPDATED;
      return known;
    }
    if (known) this.remove(known);
    return this.add(key, bucket, record);
  }

  private add(key: string, bucket: number, record: Uint8Array): Cached | undefined {
    if (this.byKey.size >= this.limit) {
      this.counters.refused++;
      return undefined;
    }
    const cached = new Cached(this, key, bucket, record.slice(), this.clock.turnSeconds);
    this.byKey.set(key, cached);
    this.watch?.added(cached);
    this.counters.active++;
    this.counters.created++;
    return cached;
  }

  /** Marks a record dead. It is kept while anything refers to it. */
  markDead(cached: Cached): void {
    this.counters.destroyed++;
    this.counters.active--;
    cached.life = Life.DEAD;
  }

  /** Removes a record from the cache and from its queue. */
  remove(cached: Cached): void {
    if (cached.life !== Life.DEAD) {
      this.counters.destroyed++;
      this.counters.active--;
    }
    this.watch?.removed(cached);
    cached.unqueue();
    this.byKey.delete(cached.key);
  }

  flush(): void {
    for (const cached of [...this.byKey.values()]) this.remove(cached);
  }
}
