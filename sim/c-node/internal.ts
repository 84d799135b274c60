import { Change, Origin } from '../../src/flow/change.ts';
import { Cache, type Cached, type CacheWatch, Life } from './cache.ts';
import { EXPECTATIONS, FLOWS, type Kind } from './identity.ts';
import type { KernelRequests } from './kernel-requests.ts';
import type { Caches, Parts } from './parts.ts';

/** Where changes of the kernel's table go. */
export interface InternalSide {
  /** The caches, if there are any. */
  readonly caches: Caches | undefined;
  event(kind: Kind, change: Change, origin: Origin, record: Uint8Array): void;
  flush(kind: Kind): void;
}

/** The internal caches: the kernel's flows and expectations. */
export class InternalCaches implements InternalSide {
  readonly caches: Caches;
  private readonly enqueue: (cached: Cached) => void;

  constructor({ clock, options }: Parts, enqueue: (cached: Cached) => void, watch: CacheWatch | undefined) {
    const cache = (kind: Kind) => new Cache(kind, clock, options.hashSize, options.hashLimit, watch);
    this.caches = { flows: cache(FLOWS), expectations: cache(EXPECTATIONS) };
    this.enqueue = enqueue;
  }

  private of(kind: Kind): Cache {
    return kind === FLOWS ? this.caches.flows : this.caches.expectations;
  }

  event(kind: Kind, change: Change, origin: Origin, record: Uint8Array): void {
    if (origin === Origin.INJECT) return;
    const cache = this.of(kind);
    const isToBeSent = origin === Origin.OTHER;
    if (change === Change.DESTROY) {
      const known = cache.find(record);
      if (known !== undefined) this.end(known, isToBeSent);
      return;
    }
    const cached = change === Change.NEW ? cache.replace(record) : cache.update(record);
    if (cached !== undefined && isToBeSent) this.enqueue(cached);
  }

  /** Ends a record. It is sent as it was last known: C ignores what the event of the end contained. */
  private end(cached: Cached, isToBeSent: boolean): void {
    if (cached.life === Life.DEAD) return;
    cached.cache.markDead(cached);
    if (isToBeSent) this.enqueue(cached);
    cached.release();
  }

  /** Takes a record of a dump at the start, or of `-R`. It is not sent. */
  populate(kind: Kind, record: Uint8Array): void {
    this.of(kind).update(record);
  }

  /** Takes a record of a dump after lost events. It is sent. */
  resync(kind: Kind, record: Uint8Array): void {
    const cached = this.of(kind).update(record);
    if (cached !== undefined) this.enqueue(cached);
  }

  /** Ends the flows that the kernel does not have. */
  purge(kernel: KernelRequests): void {
    const { flows } = this.caches;
    for (const cached of flows.inOrder()) {
      if (!kernel.exists(flows.kind, cached.record)) this.end(cached, true);
    }
  }

  flush(kind: Kind): void {
    this.of(kind).flush();
  }
}
