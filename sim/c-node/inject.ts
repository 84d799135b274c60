import { Change } from '../../src/flow/change.ts';
import { Errno } from '../../src/system/errno.ts';
import type { ExternalSide } from './external.ts';
import { FLOWS, type Kind } from './identity.ts';
import type { KernelRequests } from './kernel-requests.ts';

/** In words of `-s`: connections created, updated, destroyed, and failed of each. */
export interface InjectCounters {
  created: number;
  createFailed: number;
  updated: number;
  updateFailed: number;
  destroyed: number;
  destroyFailed: number;
}

const zeros = (): InjectCounters => ({
  created: 0,
  createFailed: 0,
  updated: 0,
  updateFailed: 0,
  destroyed: 0,
  destroyFailed: 0,
});

/** DisableExternalCache: received records go directly into the kernel. */
export class Inject implements ExternalSide {
  readonly caches = undefined;
  readonly counters = { flows: zeros(), expectations: zeros() };
  private readonly kernel: KernelRequests;

  constructor(kernel: KernelRequests) {
    this.kernel = kernel;
  }

  received(kind: Kind, change: Change, record: Uint8Array): void {
    const counters = kind === FLOWS ? this.counters.flows : this.counters.expectations;
    if (change === Change.DESTROY) this.destroy(kind, record, counters);
    else if (change === Change.UPDATE && kind === FLOWS) this.update(record, counters);
    else this.create(kind, record, counters);
  }

  private create(kind: Kind, record: Uint8Array, counters: InjectCounters): void {
    let errno = this.kernel.create(kind, record, 0);
    if (errno === Errno.EEXIST) {
      errno = this.removeIfPresent(kind, record) ? this.kernel.create(kind, record, 0) : errno;
    }
    if (errno === 0) counters.created++;
    else counters.createFailed++;
  }

  private update(record: Uint8Array, counters: InjectCounters): void {
    let errno = this.kernel.update(record);
    if (errno !== 0 && (errno === Errno.ENOENT || this.removeIfPresent(FLOWS, record))) {
      errno = this.kernel.create(FLOWS, record, 0);
    }
    if (errno === 0) counters.updated++;
    else counters.updateFailed++;
  }

  private destroy(kind: Kind, record: Uint8Array, counters: InjectCounters): void {
    const errno = this.kernel.remove(kind, record);
    if (errno === 0) counters.destroyed++;
    else if (errno !== Errno.ENOENT) counters.destroyFailed++;
  }

  /** Removes a record. True if the kernel does not have it afterwards. */
  private removeIfPresent(kind: Kind, record: Uint8Array): boolean {
    const errno = this.kernel.remove(kind, record);
    return errno === 0 || errno === Errno.ENOENT;
  }
}
