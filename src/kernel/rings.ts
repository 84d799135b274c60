/**
 * Many datagrams in one system call: recvmmsg and sendmmsg over memory that is laid out once.
 *
 * Headers, I/O vectors, addresses and data lie in one ArrayBuffer. The call's argument keeps that buffer alive, and with
 * it everything that the pointers inside it lead to: C's pointers are invisible to the garbage collector.
 */

import { LITTLE_ENDIAN } from './endian.ts';
import { type Libc, MSG_DONTWAIT, MSG_TRUNC } from './libc.ts';

// struct mmsghdr of 64-bit Linux: msg_name 0, msg_namelen 8, msg_iov 16, msg_iovlen 24, msg_control 32,
// msg_controllen 40, msg_flags 48, and behind the msghdr msg_len 56. struct iovec: iov_base 0, iov_len 8.
const SIZEOF_MMSGHDR = 64;
const NAME = 0;
const NAMELEN = 8;
const IOV = 16;
const IOVLEN = 24;
const FLAGS = 48;
const LEN = 56;
const SIZEOF_IOVEC = 16;
/** Holds `sockaddr_in`, `sockaddr_in6` and `sockaddr_nl`. */
export const ADDRESS_SIZE = 32;
// Lengths fit the low half of a size_t; the other half stays 0.
const LOW_HALF = LITTLE_ENDIAN ? 0 : 1;
const SLOTS_MAX = 1024;

interface Layout {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly longs: BigUint64Array;
  readonly vectorAt: number;
  readonly addressAt: number;
  readonly dataAt: number;
}

function layOut(libc: Libc, slots: number, slotSize: number, addresses: number): Layout {
  if (!Number.isInteger(slots) || slots < 1 || slots > SLOTS_MAX) {
    throw new RangeError(`a ring has 1 to ${SLOTS_MAX} slots, not ${slots}`);
  }
  if (!Number.isInteger(slotSize) || slotSize < 1) throw new RangeError(`not a slot size: ${slotSize}`);
  const vectorAt = slots * SIZEOF_MMSGHDR;
  const addressAt = vectorAt + slots * SIZEOF_IOVEC;
  const dataAt = addressAt + addresses * ADDRESS_SIZE;
  const buffer = new ArrayBuffer((dataAt + slots * slotSize + 7) & ~7);
  const bytes = new Uint8Array(buffer);
  const longs = new BigUint64Array(buffer);
  const base = libc.address(bytes);
  for (let n = 0; n < slots; n++) {
    const header = n * SIZEOF_MMSGHDR;
    const vector = vectorAt + n * SIZEOF_IOVEC;
    longs[(header + IOV) >> 3] = base + BigInt(vector);
    longs[(header + IOVLEN) >> 3] = 1n;
    longs[vector >> 3] = base + BigInt(dataAt + n * slotSize);
    longs[(vector >> 3) + 1] = BigInt(slotSize);
  }
  return { bytes, words: new Int32Array(buffer), longs, vectorAt, addressAt, dataAt };
}

/** Receives up to `slots` datagrams of up to `slotSize` bytes in one call. */
export class ReceiveRing {
  /** All the memory; slot `n`'s datagram begins at `offset(n)`. */
  readonly bytes: Uint8Array;
  readonly slots: number;
  readonly slotSize: number;
  private readonly libc: Libc;
  private readonly layout: Layout;
  private readonly withAddresses: boolean;
  private filled = 0;

  /** With `withAddresses`, who sent each datagram is kept too. */
  constructor(libc: Libc, slots: number, slotSize: number, withAddresses = false) {
    this.libc = libc;
    this.slots = slots;
    this.slotSize = slotSize;
    this.withAddresses = withAddresses;
    this.layout = layOut(libc, slots, slotSize, withAddresses ? slots : 0);
    this.bytes = this.layout.bytes;
    if (withAddresses) {
      const base = libc.address(this.bytes);
      for (let n = 0; n < slots; n++) {
        this.layout.longs[(n * SIZEOF_MMSGHDR + NAME) >> 3] = base + BigInt(this.addressOffset(n));
      }
      this.filled = slots;
    }
  }

  /**
   * Fills the slots from 0 on with at most `limit` datagrams. Returns how many there are, or a negative errno (-EAGAIN:
   * none). With no `flags` it never waits; MSG_WAITFORONE waits for the first.
   */
  receive(fd: number, limit: number = this.slots, flags: number = MSG_DONTWAIT): number {
    if (this.withAddresses) {
      const { words } = this.layout;
      for (let n = 0; n < this.filled; n++) words[(n * SIZEOF_MMSGHDR + NAMELEN) >> 2] = ADDRESS_SIZE;
    }
    const count = this.libc.receiveMany(fd, this.bytes, Math.min(limit, this.slots), flags);
    this.filled = Math.max(count, 0);
    return count;
  }

  offset(slot: number): number {
    return this.layout.dataAt + slot * this.slotSize;
  }

  /** Bytes of the datagram in a slot; at most the slot's size. */
  length(slot: number): number {
    return this.layout.words[(slot * SIZEOF_MMSGHDR + LEN) >> 2]!;
  }

  /** `MSG_*` flags of the datagram in a slot. */
  flags(slot: number): number {
    return this.layout.words[(slot * SIZEOF_MMSGHDR + FLAGS) >> 2]!;
  }

  /** True if the datagram was longer than its slot. */
  truncated(slot: number): boolean {
    return (this.flags(slot) & MSG_TRUNC) !== 0;
  }

  /** Where the sender's `struct sockaddr_*` lies in `bytes`; only of a ring with addresses. */
  addressOffset(slot: number): number {
    return this.layout.addressAt + slot * ADDRESS_SIZE;
  }

  addressLength(slot: number): number {
    return this.layout.words[(slot * SIZEOF_MMSGHDR + NAMELEN) >> 2]!;
  }
}

/** Collects datagrams to one address and sends up to `slots` of them in one call. */
export class SendRing {
  readonly slots: number;
  readonly slotSize: number;
  private readonly libc: Libc;
  private readonly layout: Layout;
  private waiting = 0;

  /** `address` is a `struct sockaddr_*` in bytes; leave it out for a connected socket. */
  constructor(libc: Libc, slots: number, slotSize: number, address?: Uint8Array) {
    this.libc = libc;
    this.slots = slots;
    this.slotSize = slotSize;
    this.layout = layOut(libc, slots, slotSize, 1);
    if (address) {
      if (address.length > ADDRESS_SIZE) throw new RangeError(`an address of ${address.length} bytes`);
      const { bytes, longs, words, addressAt } = this.layout;
      bytes.set(address, addressAt);
      const pointer = libc.address(bytes) + BigInt(addressAt);
      for (let n = 0; n < slots; n++) {
        longs[(n * SIZEOF_MMSGHDR + NAME) >> 3] = pointer;
        words[(n * SIZEOF_MMSGHDR + NAMELEN) >> 2] = address.length;
      }
    }
  }

  /** Datagrams that wait to be sent. */
  get size(): number {
    return this.waiting;
  }

  get full(): boolean {
    return this.waiting === this.slots;
  }

  /** Copies `bytes[start, end)` in as the next datagram. @throws RangeError if it does not fit. */
  push(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.full) throw new RangeError(`the ring is full (${this.slots} datagrams)`);
    if (length > this.slotSize) {
      throw new RangeError(`a datagram of ${length} bytes into a slot of ${this.slotSize}`);
    }
    const { bytes: memory, words, dataAt } = this.layout;
    const slot = this.waiting++;
    let to = dataAt + slot * this.slotSize;
    for (let from = start; from < end; from++) memory[to++] = bytes[from]!;
    words[this.lengthWord(slot)] = length;
  }

  /**
   * Sends what waits. Returns how many datagrams went out, or a negative errno if not even the first did. What did not
   * go out waits on, in order.
   */
  flush(fd: number, flags: number = MSG_DONTWAIT): number {
    if (this.waiting === 0) return 0;
    const sent = this.libc.sendMany(fd, this.layout.bytes, this.waiting, flags);
    if (sent > 0) this.drop(sent);
    return sent;
  }

  private lengthWord(slot: number): number {
    return ((this.layout.vectorAt + slot * SIZEOF_IOVEC) >> 2) + 2 + LOW_HALF;
  }

  /** Forgets the first `count` datagrams. */
  drop(count: number): void {
    const { bytes, words, dataAt } = this.layout;
    const left = Math.max(this.waiting - count, 0);
    for (let n = 0; n < left; n++) {
      const from = dataAt + (n + count) * this.slotSize;
      bytes.copyWithin(dataAt + n * this.slotSize, from, from + this.slotSize);
      words[this.lengthWord(n)] = words[this.lengthWord(n + count)]!;
    }
    this.waiting = left;
  }
}
