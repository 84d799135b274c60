/**
 * Many datagrams to one address in one system call, which the kernel cuts apart (UDP_SEGMENT, udp(7)): routing, filters and
 * the way through the device are passed once for all of them, where sendmmsg passes them for each.
 */

import type { Libc } from './libc.ts';
import {
  ADDRESS_SIZE,
  CONTROL,
  CONTROL_SIZE,
  CONTROLLEN,
  IOV,
  IOVLEN,
  LOW_HALF,
  NAME,
  NAMELEN,
  SIZEOF_CMSGHDR,
  SIZEOF_IOVEC,
  SIZEOF_MSGHDR,
  SOL_UDP,
  UDP_SEGMENT,
} from './message-header.ts';
import { NativeMemory } from './native-memory.ts';

// The batch's memory: msghdr, iovec, control message, address, data.
const IOVEC_AT = SIZEOF_MSGHDR;
const IOVEC_LENGTH = IOVEC_AT + 8;
const CONTROL_AT = IOVEC_AT + SIZEOF_IOVEC;
const SEGMENT_AT = CONTROL_AT + SIZEOF_CMSGHDR;
/** The data is a u16. */
const CMSG_LENGTH = SIZEOF_CMSGHDR + 2;
const ADDRESS_AT = CONTROL_AT + CONTROL_SIZE;
const DATA_AT = ADDRESS_AT + ADDRESS_SIZE;

/** What one call can carry: the greatest IP packet without the headers of IPv6 and UDP. */
const BYTES_MAX = 65_535 - 40 - 8;

/**
 * Collects datagrams that are as long as the first of them, of which the last may be shorter. What was pushed is in memory of the
 * batch's own.
 */
export class SegmentationBatch {
  private readonly libc: Libc;
  private readonly bytes: Uint8Array;
  private readonly memory: NativeMemory;
  private readonly words: Int32Array;
  private readonly shorts: Uint16Array;
  /** What was pushed last is mostly as long as what is pushed next, and in the same memory. */
  private view: Uint8Array = new Uint8Array(0);
  private viewed: Uint8Array = this.view;
  private readonly limit: number;
  private datagrams = 0;
  private filled = 0;
  /** Bytes of each but the last. */
  private segment = 0;
  /** The last one is shorter: nothing can follow it. */
  private ended = false;

  /**
   * @param address a `struct sockaddr_*` in bytes
   * @param limit datagrams sent in one call at most; 1 where the kernel cannot cut
   */
  constructor(libc: Libc, address: Uint8Array, limit: number) {
    if (address.length > ADDRESS_SIZE) throw new RangeError(`an address of ${address.length} bytes`);
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`not a number of datagrams: ${limit}`);
    this.libc = libc;
    this.limit = limit;
    const memory = new NativeMemory(DATA_AT + BYTES_MAX);
    this.memory = memory;
    this.bytes = memory.bytes;
    this.words = memory.words;
    this.shorts = memory.shorts;
    memory.point(NAME, ADDRESS_AT);
    this.words[NAMELEN >> 2] = address.length;
    memory.point(IOV, IOVEC_AT);
    memory.longs[IOVLEN >> 3] = 1n;
    memory.point(IOVEC_AT, DATA_AT);
    memory.point(CONTROL, CONTROL_AT);
    memory.longs[CONTROL_AT >> 3] = BigInt(CMSG_LENGTH);
    this.words[(CONTROL_AT + 8) >> 2] = SOL_UDP;
    this.words[(CONTROL_AT + 12) >> 2] = UDP_SEGMENT;
    this.bytes.set(address, ADDRESS_AT);
  }

  /** Datagrams that wait. */
  get size(): number {
    return this.datagrams;
  }

  /** Takes the datagram `bytes[0, length)` along; false if what waits must be sent before, or if it is too long for any. */
  push(bytes: Uint8Array, length: number): boolean {
    if (this.filled + length > BYTES_MAX) return false;
    if (this.datagrams === 0) this.segment = length;
    else if (this.ended || length > this.segment || this.datagrams === this.limit) return false;
    this.ended = length < this.segment || length === 0;
    this.bytes.set(this.viewOf(bytes, length), DATA_AT + this.filled);
    this.filled += length;
    this.datagrams++;
    return true;
  }

  /** Sends what waits. Returns the bytes sent, or a negative errno; then all of it waits on. */
  send(fd: number, flags: number): number {
    const { words } = this;
    // The kernel would send other datagrams than were pushed.
    if (this.datagrams > 1 && (this.segment === 0 || this.segment * this.datagrams < this.filled)) {
      throw new RangeError(
        `${this.datagrams} datagrams of ${this.segment} bytes are not ${this.filled} bytes`,
      );
    }
    words[(IOVEC_LENGTH >> 2) + LOW_HALF] = this.filled;
    words[(CONTROLLEN >> 2) + LOW_HALF] = this.datagrams > 1 ? CONTROL_SIZE : 0;
    this.shorts[SEGMENT_AT >> 1] = this.segment;
    const sent = this.libc.sendMessage(fd, this.memory.address, flags);
    if (sent >= 0) this.clear();
    return sent;
  }

  /** Gives out what waits, a copy of each datagram. */
  take(): Uint8Array[] {
    const copies = Array.from({ length: this.datagrams }, (_, n) => {
      const from = DATA_AT + n * this.segment;
      return this.bytes.slice(from, Math.min(from + this.segment, DATA_AT + this.filled));
    });
    this.clear();
    return copies;
  }

  private viewOf(bytes: Uint8Array, length: number): Uint8Array {
    if (this.viewed !== bytes || this.view.length !== length) {
      this.viewed = bytes;
      this.view = bytes.subarray(0, length);
    }
    return this.view;
  }

  private clear(): void {
    this.datagrams = 0;
    this.filled = 0;
  }
}
