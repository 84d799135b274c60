import { Change } from '../../flow/change.ts';
import { AddressAt, type ListedFlow } from '../../flow/listed/listed-flow.ts';
import { Protocol } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import { EventListing } from '../../kernel/listing/event-listing.ts';
import type { EventFact } from './sample.ts';

/** Events read in one turn. */
const TURN = 20_000;
/** UDP flows that ended, and are remembered. */
const ENDED_MAX = 1 << 14;

function nameOf(flow: ListedFlow): string {
  const { original } = flow;
  return `${flow.addressText(AddressAt.SOURCE)} ${original.sourcePort} ${flow.addressText(AddressAt.DESTINATION)} ${original.destinationPort}`;
}

/** Counts the flows that begin and end. */
export class EventCount {
  private readonly listing = new EventListing([Change.NEW, Change.DESTROY]);
  private readonly ended = new Set<string>();
  private counts = { began: 0, ended: 0, udpRenewed: 0 };

  /** Counts the events that are waiting. @throws KernelError */
  read(): void {
    this.listing.read((change, flow) => {
      if (change === Change.NEW) this.begin(flow);
      else this.end(flow);
    }, TURN);
  }

  private begin(flow: ListedFlow): void {
    this.counts.began++;
    if (this.ended.size > 0 && flow.protocol === Protocol.UDP && this.ended.delete(nameOf(flow)))
      this.counts.udpRenewed++;
  }

  private end(flow: ListedFlow): void {
    this.counts.ended++;
    if (flow.protocol !== Protocol.UDP || (flow.status & Status.SEEN_REPLY) === 0) return;
    if (this.ended.size < ENDED_MAX) this.ended.add(nameOf(flow));
  }

  result(): EventFact {
    return { ...this.counts, lost: this.listing.overruns > 0 };
  }

  close(): void {
    this.listing.close();
  }
}
