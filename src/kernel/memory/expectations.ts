/** The expectation table. Expectations are few, so it keeps them as objects rather than packed records. */

import { Change, Origin } from '../../flow/change.ts';
import { type Expectation, ExpectationFlag } from '../../flow/expectation.ts';
import type { Tuple } from '../../flow/tuple.ts';
import { Errno } from '../../system/errno.ts';
import { encodeExpectation } from '../../wire/encode.ts';
import { policiesOf } from './helpers.ts';
import { Word } from './tuple-key.ts';

/** The flow that expects another. */
export interface Master {
  readonly slot: number;
  /** Its original tuple, for output. */
  readonly original: Tuple;
  readonly helper: string;
}

interface Expected {
  readonly expectation: Expectation;
  readonly master: number;
  readonly key: Int32Array;
  /** The bits of the source address and port to compare. The rest of the key is always compared in full. */
  readonly mask: Int32Array;
  /** In milliseconds. */
  readonly expires: number;
}

type OnChange = (change: Change, origin: Origin, record: Uint8Array) => void;

const SOURCE_PORT = 0xffff_0000 | 0;

/** True if the keys are equal except in source bits outside the mask. */
function covers(mask: Int32Array, one: Int32Array, other: Int32Array): boolean {
  for (let n = 0; n < 4; n++) {
    if (((one[Word.SOURCE + n]! ^ other[Word.SOURCE + n]!) & mask[Word.SOURCE + n]!) !== 0) return false;
    if (one[Word.DESTINATION + n] !== other[Word.DESTINATION + n]) return false;
  }
  const counted = (mask[Word.PORTS]! & SOURCE_PORT) | 0xffff;
  return one[Word.KIND] === other[Word.KIND] && ((one[Word.PORTS]! ^ other[Word.PORTS]!) & counted) === 0;
}

/** Groups expectations that may conflict: those with the same destination. */
function bucketOf(key: Int32Array): string {
  const to = key.subarray(Word.DESTINATION, Word.DESTINATION + 4);
  return `${key[Word.KIND]} ${to.join(' ')} ${key[Word.PORTS]! & 0xffff}`;
}

export class Expectations {
  private readonly withTimeout: boolean;
  private readonly onChange: OnChange;
  /** In order of creation. */
  private readonly all = new Set<Expected>();
  private readonly buckets = new Map<string, Expected[]>();
  private readonly masters = new Map<number, Expected[]>();
  private soonest = Infinity;

  /**
   * @param withTimeout whether records have TIMEOUT
   * @param onChange called for every change
   */
  constructor(withTimeout: boolean, onChange: OnChange) {
    this.withTimeout = withTimeout;
    this.onChange = onChange;
  }

  /** Lower bound of the first expiry time; Infinity without expectations. */
  get earliest(): number {
    return this.soonest;
  }

  /** True if there is an expectation that a flow with this tuple would fulfil. */
  has(key: Int32Array): boolean {
    return this.find(key) !== undefined;
  }

  /**
   * Adds an expectation; `key` and `mask` are those of its tuple and its mask. Returns 0 or an errno. If its
   * class is full, the oldest of the class is removed; the origin of that event is OTHER.
   * @param timeout in seconds; undefined for the helper's own, the only one that the kernel uses in a
   * request
   */
  add(
    expectation: Expectation,
    key: Int32Array,
    mask: Int32Array,
    master: Master,
    timeout: number | undefined,
    origin: Origin,
    now: number,
  ): number {
    const { class: number = 0, flags = 0 } = expectation;
    const policy = policiesOf(master.helper)[number];
    if (policy === undefined) return Errno.EINVAL;
    const clash = this.buckets.get(bucketOf(key))?.some((other) =>
      covers(
        Int32Array.from(mask, (bits, n) => bits & other.mask[n]!),
        key,
        other.key,
      ),
    );
    if (clash) return Errno.EBUSY;
    const brothers = (this.masters.get(master.slot) ?? []).filter(
      (other) => (other.expectation.class ?? 0) === number,
    );
    if (brothers.length >= policy.most) this.remove(brothers[0]!, Origin.OTHER, now);
    const { timeout: _, ...kept } = expectation;
    const entry: Expected = {
      expectation: {
        ...kept,
        master: master.original,
        helper: master.helper,
        flags: flags & ~ExpectationFlag.USERSPACE,
      },
      master: master.slot,
      key: key.slice(),
      mask: mask.slice(),
      expires: now + (timeout ?? policy.timeout) * 1000,
    };
    this.all.add(entry);
    into(this.buckets, bucketOf(key), entry);
    into(this.masters, master.slot, entry);
    this.soonest = Math.min(this.soonest, entry.expires);
    this.onChange(Change.NEW, origin, this.record(entry, now));
    return 0;
  }

  /** Removes the expectation that a flow with this tuple would fulfil. False if there is none. */
  removeByKey(key: Int32Array, origin: Origin, now: number): boolean {
    const entry = this.find(key);
    if (entry === undefined) return false;
    this.remove(entry, origin, now);
    return true;
  }

  /**
   * Removes the expectations of a master that has ended. The origin of their events is OTHER,
   * whatever ended the master.
   */
  masterEnded(slot: number, now: number): void {
    for (const entry of [...(this.masters.get(slot) ?? [])]) this.remove(entry, Origin.OTHER, now);
  }

  /** Removes expired expectations, in order of expiry. */
  advance(now: number): void {
    const lapsed = [...this.all].filter(({ expires }) => expires <= now);
    lapsed.sort((a, b) => a.expires - b.expires);
    for (const entry of lapsed) this.remove(entry, Origin.OTHER, now);
    this.soonest = Infinity;
    for (const { expires } of this.all) this.soonest = Math.min(this.soonest, expires);
  }

  flush(origin: Origin, now: number): void {
    for (const entry of [...this.all]) this.remove(entry, origin, now);
  }

  records(now: number): Uint8Array[] {
    return [...this.all].map((entry) => this.record(entry, now));
  }

  clear(): void {
    this.all.clear();
    this.buckets.clear();
    this.masters.clear();
    this.soonest = Infinity;
  }

  private find(key: Int32Array): Expected | undefined {
    return this.buckets.get(bucketOf(key))?.find((entry) => covers(entry.mask, key, entry.key));
  }

  private remove(entry: Expected, origin: Origin, now: number): void {
    this.all.delete(entry);
    outOf(this.buckets, bucketOf(entry.key), entry);
    outOf(this.masters, entry.master, entry);
    if (this.all.size === 0) this.soonest = Infinity;
    this.onChange(Change.DESTROY, origin, this.record(entry, now));
  }

  private record({ expectation, expires }: Expected, now: number): Uint8Array {
    if (!this.withTimeout) return encodeExpectation(expectation);
    const timeout = Math.max(0, Math.trunc((expires - now) / 1000));
    return encodeExpectation({ ...expectation, timeout });
  }
}

function into<K>(lists: Map<K, Expected[]>, key: K, entry: Expected): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [entry]);
  else list.push(entry);
}

function outOf<K>(lists: Map<K, Expected[]>, key: K, entry: Expected): void {
  const list = lists.get(key)!;
  if (list.length === 1) lists.delete(key);
  else list.splice(list.indexOf(entry), 1);
}
