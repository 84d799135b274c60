import { Alarm } from './alarms.ts';
import { Cached, type CacheWatch } from './cache.ts';
import { type Header, type Mode, Verdict } from './mode.ts';
import type { Parts } from './parts.ts';

/** ALARM: each record is sent again and again at random times. */
export class AlarmMode implements Mode {
  private readonly parts: Parts;
  private readonly refreshes = new Map<Cached, Alarm>();

  readonly internalWatch: CacheWatch = {
    added: (cached) => {
      const refresh = new Alarm(() => {
        this.schedule(refresh);
        this.enqueue(cached);
      });
      this.refreshes.set(cached, refresh);
      this.schedule(refresh);
    },
    updated: (cached) => this.schedule(this.refreshes.get(cached)!),
    removed: (cached) => {
      this.parts.alarms.cancel(this.refreshes.get(cached)!);
      this.refreshes.delete(cached);
    },
  };

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** 1 to RefreshTime seconds, and 1 to 5 fifths of a second. */
  private schedule(refresh: Alarm): void {
    const { alarms, options, random } = this.parts;
    const seconds = Math.floor(random() * options.refreshTime) + 1;
    const fifths = Math.floor(random() * 5) + 1;
    alarms.set(refresh, seconds * 1000 + fifths * 200);
  }

  /** A message with any flag is passed over. Numbers are never remembered, so none is ever missed. */
  receive({ flags }: Header): Verdict {
    return flags === 0 ? Verdict.DATA : Verdict.CONTROL;
  }

  enqueue(cached: Cached): void {
    if (this.parts.transmitQueue.add(cached)) cached.refer();
  }

  transmit(): void {
    const { outgoing, transmitQueue } = this.parts;
    transmitQueue.visit((queued) => {
      queued.unqueue();
      if (queued instanceof Cached) {
        outgoing.data(queued.messageType, 0, queued.record);
        queued.release();
      }
      return false;
    });
  }
}

/** The external cache of ALARM: a record that is not refreshed for CacheTimeout seconds lapses. */
export class Expiry implements CacheWatch {
  private readonly parts: Parts;
  private readonly ends = new Map<Cached, Alarm>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  added(cached: Cached): void {
    const end = new Alarm(() => cached.cache.remove(cached));
    this.ends.set(cached, end);
    this.parts.alarms.set(end, this.parts.options.cacheTimeout * 1000);
  }

  updated(cached: Cached): void {
    this.parts.alarms.set(this.ends.get(cached)!, this.parts.options.cacheTimeout * 1000);
  }

  removed(cached: Cached): void {
    this.parts.alarms.cancel(this.ends.get(cached)!);
    this.ends.delete(cached);
  }
}
