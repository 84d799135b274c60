import { AddressList } from './senders/address-list.ts';

/**
 * A small number that stands for the node which sent a datagram. It is its address that counts, not its port: the C
 * node's port changes with each start. A link-local address counts together with its interface.
 *
 * The same number may occur on several links: {@link PEER} for the destinations of all UDP links. Senders on
 * multicast links are known only by their address, so that one node has a number on each link.
 */
export type SenderId = number;

/** The sender at the address that a link's configuration names as its destination. */
export const PEER: SenderId = 0;

/**
 * Numbers senders 1, 2 and so on in the order of their first datagram. When all numbers are taken, the last one
 * stands for all other senders, so that forged addresses cannot fill the memory.
 */
export class AddressTable {
  /** The number shared by all senders beyond the limit. */
  readonly others: SenderId;
  private readonly addresses: AddressList;
  /** Numbers by index in the list. */
  private readonly ids: Int32Array;
  private next: SenderId = PEER + 1;

  constructor(limit = 256) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`not a number of senders: ${limit}`);
    this.others = limit + 1;
    // Four links at most have a destination each.
    this.addresses = new AddressList(limit + 4);
    this.ids = new Int32Array(this.addresses.limit);
  }

  /** Makes the address in this `struct sockaddr_in` or `sockaddr_in6` the {@link PEER}'s, unless it has a number. */
  addPeer(address: Uint8Array): void {
    const { addresses } = this;
    if (addresses.find(address, 0) < 0 && addresses.length < addresses.limit) this.add(address, 0, PEER);
  }

  /** The number of the sender whose `struct sockaddr_in` or `sockaddr_in6` lies at `at`. */
  idOf(bytes: Uint8Array, at: number): SenderId {
    const { addresses } = this;
    const index = addresses.find(bytes, at);
    if (index >= 0) return this.ids[index]!;
    if (this.next === this.others || addresses.length === addresses.limit) return this.others;
    return this.add(bytes, at, this.next++);
  }

  /** The address that has this number, as text; undefined if it is {@link others}' or nobody's. */
  addressOf(sender: SenderId): string | undefined {
    const index = this.ids.subarray(0, this.addresses.length).indexOf(sender);
    return index < 0 || sender === this.others ? undefined : this.addresses.textOf(index);
  }

  private add(bytes: Uint8Array, at: number, id: SenderId): SenderId {
    this.ids[this.addresses.add(bytes, at)] = id;
    return id;
  }
}
