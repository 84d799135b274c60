/**
 * Many datagrams in one system call: recvmmsg over memory that is laid out once.
 *
 * Headers, I/O vectors, addresses, control messages and data lie in one {@link NativeMemory}, and all pointers in it lead to
 * places in it.
 */

import { type Libc, MSG_DONTWAIT, MSG_TRUNC } from './libc.ts';
import {
  ADDRESS_SIZE,
  CONTROL,
  CONTROL_SIZE,
  CONTROLLEN,
  FLAGS,
  IOV,
  IOVLEN,
  LOW_HALF,
  NAME,
  NAMELEN,
  SIZEOF_CMSGHDR,
  SIZEOF_IOVEC,
  SIZEOF_MSGHDR,
  SOL_UDP,
  UDP_GRO,
} from './message-header.ts';
import { NativeMemory } from './native-memory.ts';

// struct mmsghdr: the msghdr, and behind it msg_len.
const SIZEOF_MMSGHDR = 64;
const LEN = SIZEOF_MSGHDR;
const SLOTS_MAX = 1024;

/** Receives up to `slots` datagrams of up to `slotSize` bytes in one call. */
export class ReceiveBatch {
  /** All the memory; slot `n`'s datagram begins at `offset(n)`. */
  readonly bytes: Uint8Array;
  readonly slots: number;
  readonly slotSize: number;
  protected readonly words: Int32Array;
  /** Offset of the space for what the kernel adds to each datagram: its address, control messages. */
  protected readonly besideAt: number;
  protected readonly memory: NativeMemory;
  private readonly libc: Libc;
  private readonly dataAt: number;

  /** @param beside bytes to keep free for each slot, a multiple of 8 */
  constructor(libc: Libc, slots: number, slotSize: number, beside = 0) {
    if (!Number.isInteger(slots) || slots < 1 || slots > SLOTS_MAX) {
      throw new RangeError(`a batch has 1 to ${SLOTS_MAX} slots, not ${slots}`);
    }
    if (!Number.isInteger(slotSize) || slotSize < 1) throw new RangeError(`not a slot size: ${slotSize}`);
    this.libc = libc;
    this.slots = slots;
    this.slotSize = slotSize;
    const vectorAt = slots * SIZEOF_MMSGHDR;
    this.besideAt = vectorAt + slots * SIZEOF_IOVEC;
    this.dataAt = this.besideAt + slots * beside;
    const memory = new NativeMemory(this.dataAt + slots * slotSize);
    this.memory = memory;
    this.bytes = memory.bytes;
    this.words = memory.words;
    for (let n = 0; n < slots; n++) {
      const header = n * SIZEOF_MMSGHDR;
      const vector = vectorAt + n * SIZEOF_IOVEC;
      memory.point(header + IOV, vector);
      memory.longs[(header + IOVLEN) >> 3] = 1n;
      memory.point(vector, this.offset(n));
      memory.longs[(vector >> 3) + 1] = BigInt(slotSize);
    }
  }

  /**
   * Fills the slots from 0 on with at most `limit` datagrams. Returns how many there are, or a negative errno (-EAGAIN:
   * none). With no `flags` it never waits; MSG_WAITFORONE waits for the first.
   */
  receive(fd: number, limit: number = this.slots, flags: number = MSG_DONTWAIT): number {
    const wanted = Math.min(limit, this.slots);
    const count = this.libc.receiveMany(fd, this.memory.address, wanted, flags);
    if (count > wanted) throw new RangeError(`recvmmsg filled ${count} slots of ${wanted}`);
    return count;
  }

  /** @throws RangeError if there is no such slot */
  offset(slot: number): number {
    if (slot >>> 0 >= this.slots) throw new RangeError(`no slot ${slot} of ${this.slots}`);
    return this.dataAt + slot * this.slotSize;
  }

  /** Bytes of the datagram in a slot; at most the slot's size. */
  length(slot: number): number {
    const length = this.words[(slot * SIZEOF_MMSGHDR + LEN) >> 2]!;
    if (length > this.slotSize) throw new RangeError(`${length} bytes in a slot of ${this.slotSize}`);
    return length;
  }

  /** `MSG_*` flags of the datagram in a slot. */
  flags(slot: number): number {
    return this.words[(slot * SIZEOF_MMSGHDR + FLAGS) >> 2]!;
  }

  /** True if the datagram was longer than its slot. */
  truncated(slot: number): boolean {
    return (this.flags(slot) & MSG_TRUNC) !== 0;
  }
}

/** Receives datagrams together with their addresses and with control messages. */
export class AddressedBatch extends ReceiveBatch {
  private readonly controlSize: number;
  /** Slots whose header the last call has changed. */
  private filled: number;

  /** @param controlSize bytes of control messages of one datagram, a multiple of 8 */
  constructor(libc: Libc, slots: number, slotSize: number, controlSize: number) {
    super(libc, slots, slotSize, ADDRESS_SIZE + controlSize);
    this.controlSize = controlSize;
    for (let n = 0; n < slots; n++) {
      const header = n * SIZEOF_MMSGHDR;
      this.memory.point(header + NAME, this.addressOffset(n));
      this.memory.point(header + CONTROL, this.controlOffset(n));
    }
    this.filled = slots;
  }

  override receive(fd: number, limit?: number, flags?: number): number {
    const { words } = this;
    for (let n = 0; n < this.filled; n++) {
      words[(n * SIZEOF_MMSGHDR + NAMELEN) >> 2] = ADDRESS_SIZE;
      words[((n * SIZEOF_MMSGHDR + CONTROLLEN) >> 2) + LOW_HALF] = this.controlSize;
    }
    const count = super.receive(fd, limit, flags);
    this.filled = Math.max(count, 0);
    return count;
  }

  /** Where the `struct sockaddr_*` lies in `bytes` that came with the datagram. */
  addressOffset(slot: number): number {
    return this.besideAt + slot * (ADDRESS_SIZE + this.controlSize);
  }

  /** Where the data of the first control message lies in `bytes`, if it is of this level and type and has so many bytes; else 0. */
  protected controlData(slot: number, level: number, type: number, size: number): number {
    const { words } = this;
    const at = this.controlOffset(slot);
    const isThere =
      words[((slot * SIZEOF_MMSGHDR + CONTROLLEN) >> 2) + LOW_HALF]! >= SIZEOF_CMSGHDR + size &&
      words[(at >> 2) + 2] === level &&
      words[(at >> 2) + 3] === type;
    return isThere ? at + SIZEOF_CMSGHDR : 0;
  }

  private controlOffset(slot: number): number {
    return this.addressOffset(slot) + ADDRESS_SIZE;
  }
}

/**
 * Receives datagrams together with who sent them. Where the socket has UDP_GRO, a slot may hold several of one sender, all of
 * the same size but the last, which may be shorter: {@link segment} tells where one ends and the next begins.
 */
export class DatagramBatch extends AddressedBatch {
  constructor(libc: Libc, slots: number, slotSize: number) {
    super(libc, slots, slotSize, CONTROL_SIZE);
  }

  /** Bytes of each datagram in a slot but the last: what is in the slot is one, if that is all of it. */
  segment(slot: number): number {
    const at = this.controlData(slot, SOL_UDP, UDP_GRO, 4);
    if (at === 0) return this.length(slot);
    const size = this.words[at >> 2]!;
    if (size <= 0) throw new RangeError(`a UDP_GRO segment of ${size} bytes`);
    return size;
  }
}
