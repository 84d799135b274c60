import type { AddressTable } from '../address-table.ts';
import type { LinkSink } from '../link.ts';
import { claimsToBeSealed } from '../sealed/frame.ts';
import type { Refusals } from './refusals.ts';

/** Takes what the socket of a UDP or multicast link received from a sender who may send. */
export interface Intake {
  /**
   * `bytes[start, end)` is one datagram, or several of `segment` bytes each, of which the last one may be shorter. The sender's
   * `struct sockaddr_in` or `sockaddr_in6` lies at `bytes[address]`.
   */
  take(bytes: Uint8Array, address: number, start: number, end: number, segment: number): void;
}

/**
 * Gives the sink what comes, without a key. What another node has sealed is noted, so that the lack of the key has a name; the
 * sink counts it as of a wrong version, as C does.
 */
export class PlainIntake implements Intake {
  private readonly link: number;
  private readonly senders: AddressTable;
  private readonly sink: LinkSink;
  private readonly refusals: Refusals;

  constructor(link: number, senders: AddressTable, sink: LinkSink, refusals: Refusals) {
    this.link = link;
    this.senders = senders;
    this.sink = sink;
    this.refusals = refusals;
  }

  take(bytes: Uint8Array, address: number, start: number, end: number, segment: number): void {
    if (claimsToBeSealed(bytes, start, end)) {
      this.refusals.note('sealed', bytes, address, Math.ceil((end - start) / segment));
    }
    const sender = this.senders.idOf(bytes, address);
    for (let at = start; at < end; at += segment) {
      this.sink.datagram(this.link, sender, bytes, at, Math.min(at + segment, end));
    }
  }
}
