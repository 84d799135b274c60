import { LITTLE_ENDIAN } from '../bytes/endian.ts';
import type { Digest } from '../table/digest.ts';
import type { ExternalCache } from '../table/external-cache.ts';
import { SlotState } from '../table/record-table.ts';
import type { Confirmer } from './answer.ts';
import type { RecordSink } from './replica.ts';

/** As many as slots of a `RecordTable` at first. */
const MARKS_FIRST = 256;

/** What came under one mark. */
export interface Evidence {
  readonly mark: number;
  /** Records that came. */
  confirmed: number;
  /** Records of them that were known just as they came: an event would have brought something new. */
  restated: number;
}

/**
 * An external cache that knows of each record who confirmed it last, so that what a peer's complete answer did not bring can be
 * dropped. A record that a peer speaks of for the first time since it was asked replaces the known one: what the record had
 * before the peer restarted, say, is not merged with what it is now.
 */
export class ConfirmedRecords implements RecordSink {
  private readonly cache: ExternalCache;
  private readonly confirmer: Confirmer;
  /** Whether a record found no room since {@link takeRoom}. */
  lacksRoom = false;
  /** Of the mark that came last. */
  evidence: Evidence = { mark: 0, confirmed: 0, restated: 0 };
  /** By slot. */
  private marks = new Uint32Array(MARKS_FIRST);

  constructor(cache: ExternalCache, confirmer: Confirmer) {
    this.cache = cache;
    this.confirmer = confirmer;
  }

  get size(): number {
    return this.cache.table.size;
  }

  /** Undefined where a record found no room: then they differ. */
  get digest(): Digest | undefined {
    return this.lacksRoom || !LITTLE_ENDIAN ? undefined : this.cache.digest;
  }

  replace(bytes: Uint8Array, start: number, end: number, seconds: number): void {
    if (this.confirmer.needsEvidence) this.weigh(this.cache.table.find(bytes, start, end), bytes, start, end);
    this.confirm(this.cache.replace(bytes, start, end, seconds));
  }

  update(bytes: Uint8Array, start: number, end: number, seconds: number): void {
    const { cache } = this;
    const slot = cache.table.find(bytes, start, end);
    if (this.confirmer.needsEvidence) this.weigh(slot, bytes, start, end);
    if (slot < 0 || this.marks[slot] === this.confirmer.mark) {
      this.confirm(cache.updateFound(slot, bytes, start, end, seconds));
    } else {
      cache.restate(slot, bytes, start, end, seconds);
      this.confirm(slot);
    }
  }

  delete(bytes: Uint8Array, start: number, end: number): void {
    this.cache.delete(bytes, start, end);
  }

  /** Returns whether records found no room, and a sixteenth of the cache is free by now; once for the same records. */
  takeRoom(): boolean {
    const { limit, size } = this.cache.table;
    if (!this.lacksRoom || size > limit - limit / 16) return false;
    this.lacksRoom = false;
    return true;
  }

  /** Drops the records whose mark is stale. Returns how many. */
  dropStale(isStale: (mark: number) => boolean): number {
    const { table } = this.cache;
    let dropped = 0;
    for (let slot = 0; slot < table.slots; slot++) {
      if (table.stateOf(slot) === SlotState.FREE || !isStale(this.marks[slot]!)) continue;
      this.cache.drop(slot);
      dropped++;
    }
    return dropped;
  }

  /** Notes what the record `bytes[start, end)`, which is known in this slot or in none (-1), shows. */
  private weigh(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const { mark } = this.confirmer;
    if (this.evidence.mark !== mark) this.evidence = { mark, confirmed: 0, restated: 0 };
    if (slot >= 0 && this.marks[slot] === mark) return;
    this.evidence.confirmed++;
    if (slot >= 0 && this.cache.agrees(slot, bytes, start, end)) this.evidence.restated++;
  }

  private confirm(slot: number): void {
    if (slot < 0) {
      this.lacksRoom = true;
      return;
    }
    if (slot >= this.marks.length) {
      const more = new Uint32Array(Math.max(2 * this.marks.length, slot + 1));
      more.set(this.marks);
      this.marks = more;
    }
    this.marks[slot] = this.confirmer.mark;
  }
}
