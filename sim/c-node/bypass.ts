import { type Change, Origin } from '../../src/flow/change.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { FLOWS, type Kind } from './identity.ts';
import type { InternalSide } from './internal.ts';
import { dump, type KernelRequests } from './kernel-requests.ts';
import type { Parts } from './parts.ts';

/** DisableInternalCache: events are written directly into the current datagram, which is sent when it is full. */
export class Bypass implements InternalSide {
  readonly caches = undefined;
  /** By change, flows then expectations, in words of `-s`: connections new, updated, destroyed. */
  readonly counters = { flows: [0, 0, 0], expectations: [0, 0, 0] };
  private readonly parts: Parts;
  private readonly kernel: Kernel;
  private readonly requests: KernelRequests;

  constructor(parts: Parts, kernel: Kernel, requests: KernelRequests) {
    this.parts = parts;
    this.kernel = kernel;
    this.requests = requests;
  }

  event(kind: Kind, change: Change, origin: Origin, record: Uint8Array): void {
    if (origin !== Origin.OTHER) return;
    this.parts.outgoing.data(kind.firstType + change, 0, record);
    this.counters[kind === FLOWS ? 'flows' : 'expectations'][change]!++;
  }

  /** A bulk is a dump of the kernel's flows, all NEW. */
  sendBulk(): void {
    dump(this.kernel, 'flow', (record) => this.parts.outgoing.data(FLOWS.firstType, 0, record));
  }

  /** C flushes the kernel's table, because there is no cache. */
  flush(kind: Kind): void {
    if (kind === FLOWS) this.requests.flushFlows();
    else this.kernel.flushExpectations();
  }
}
