import type { ListedFlow } from '../../flow/listed/listed-flow.ts';
import { Status } from '../../flow/status.ts';
import { Backends } from './nat-groups.ts';
import type { Backend } from './table-fact.ts';

/** Flows that are watched at a time. */
const FLOWS_MAX = 1 << 14;
const BACKENDS = 512;
const TOP = 20;
/** The kernel rounds what is left of a timeout, in seconds. */
const ROUNDING_S = 1.5;

/** Whether somebody goes on sending to a translated destination, and nobody answers. */
export class UnansweredWatch {
  /** Seconds that were left to a flow at the last reading, by the kernel's identifier. */
  private timeouts = new Map<number, number>();
  private next = new Map<number, number>();
  private readonly refreshed = new Backends(BACKENDS);
  private elapsedSeconds = 0;

  /** @param elapsedSeconds since the last reading */
  begin(elapsedSeconds: number): void {
    this.elapsedSeconds = elapsedSeconds;
    this.next = new Map();
    this.refreshed.clear();
  }

  add(flow: ListedFlow): void {
    const { status, id, timeout } = flow;
    if ((status & (Status.DST_NAT | Status.SEEN_REPLY)) !== Status.DST_NAT || id < 0 || !flow.hasReply)
      return;
    if (this.next.size < FLOWS_MAX) this.next.set(id, timeout);
    const before = this.timeouts.get(id);
    if (before === undefined || flow.reply.sourcePort < 0) return;
    if (timeout > before - this.elapsedSeconds + ROUNDING_S) this.refreshed.add(flow, true);
  }

  /** Ends a reading. The backends whose flows were refreshed since the last one, and not answered. */
  end(): Backend[] {
    this.timeouts = this.next;
    return this.refreshed.top(TOP);
  }
}
