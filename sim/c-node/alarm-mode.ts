import { Cached, type CacheWatch } from './cache.ts';
import { type Header, MessageResult, type Mode } from './mode.ts';
import type { Parts } from './parts.ts';
import { Timer } from './timers.ts';

/** ALARM: each record is sent again, at random intervals. */
export class AlarmMode implements Mode {
  private readonly parts: Parts;
  private readonly refreshes = new Map<Cached, Timer>();

  readonly internalWatch: CacheWatch = {
    added: (cached) => {
      const refresh = new Timer(() => {
        this.schedule(refresh);
        this.enqueue(cached);
      });
      this.refreshes.set(cached, refresh);
      this.schedule(refresh);
    },
    updated: (cached) => this.schedule(this.refreshes.get(cached)!),
    removed: (cached) => {
      this.parts.timers.cancel(this.refreshes.get(cached)!);
      this.refreshes.delete(cached);
    },
  };

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** 1 to RefreshTime seconds, and 1 to 5 fifths of a second. */
  private schedule(refresh: Timer): void {
    const { timers, options, random } = this.parts;
    const seconds = Math.floor(random() * options.refreshTime) + 1;
    const fifths = Math.floor(random() * 5) + 1;
    timers.set(refresh, seconds * 1000 + fifths * 200);
  }

  /** Ignores a message with any flag. C notes no numbers in this mode, so it counts none as lost. */
  receive({ flags }: Header): MessageResult {
    return flags === 0 ? MessageResult.DATA : MessageResult.HANDLED;
  }

  enqueue(cached: Cached): void {
    if (this.parts.transmitQueue.add(cached)) cached.retain();
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

/** Removes records from the external cache that are not refreshed for CacheTimeout seconds. */
export class Expiry implements CacheWatch {
  private readonly parts: Parts;
  private readonly ends = new Map<Cached, Timer>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  added(cached: Cached): void {
    const end = new Timer(() => cached.cache.remove(cached));
    this.ends.set(cached, end);
    this.parts.timers.set(end, this.parts.options.cacheTimeout * 1000);
  }

  updated(cached: Cached): void {
    this.parts.timers.set(this.ends.get(cached)!, this.parts.options.cacheTimeout * 1000);
  }

  removed(cached: Cached): void {
    this.parts.timers.cancel(this.ends.get(cached)!);
    this.ends.delete(cached);
  }
}
