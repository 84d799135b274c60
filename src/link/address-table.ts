import { AF_INET } from '../system/libc.ts';

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

const WORDS = 5;
const SIN_ADDR = 4;
const SIN6_ADDR = 8;
const SIN6_SCOPE = 24;
const MAPPED = 0xffff;

/**
 * Numbers senders 1, 2 and so on in the order of their first datagram. When all numbers are taken, the last one
 * stands for all other senders, so that forged addresses cannot fill the memory.
 */
export class AddressTable {
  /** The number shared by all senders beyond the limit. */
  readonly others: SenderId;
  /** Five words for each address: an IPv6 address or a mapped IPv4 address as it lies in memory, and the interface. */
  private readonly words: Int32Array;
  private readonly ids: Int32Array;
  private known = 0;
  private next: SenderId = PEER + 1;
  /** Index of the last datagram's sender: usually it sends the next one too. */
  private last = 0;

  constructor(limit = 256) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`not a number of senders: ${limit}`);
    this.others = limit + 1;
    // Four links at most have a destination each.
    this.words = new Int32Array((limit + 4) * WORDS);
    this.ids = new Int32Array(limit + 4);
  }

  /** Makes the address in this `struct sockaddr_in` or `sockaddr_in6` the {@link PEER}'s, unless it has a number. */
  addPeer(address: Uint8Array): void {
    for (let n = 0; n < this.known; n++) {
      if (this.matches(n, address, 0)) return;
    }
    if (this.known < this.ids.length) this.add(address, 0, PEER);
  }

  /** The number of the sender whose `struct sockaddr_in` or `sockaddr_in6` lies at `at`. */
  idOf(bytes: Uint8Array, at: number): SenderId {
    if (this.known > 0 && this.matches(this.last, bytes, at)) return this.ids[this.last]!;
    for (let n = 0; n < this.known; n++) {
      if (this.matches(n, bytes, at)) {
        this.last = n;
        return this.ids[n]!;
      }
    }
    if (this.next === this.others || this.known === this.ids.length) return this.others;
    this.last = this.known;
    return this.add(bytes, at, this.next++);
  }

  private add(bytes: Uint8Array, at: number, id: SenderId): SenderId {
    const base = this.known * WORDS;
    for (let word = 0; word < WORDS; word++) this.words[base + word] = wordOf(bytes, at, word);
    this.ids[this.known++] = id;
    return id;
  }

  private matches(n: number, bytes: Uint8Array, at: number): boolean {
    const base = n * WORDS;
    for (let word = WORDS - 1; word >= 0; word--) {
      if (this.words[base + word] !== wordOf(bytes, at, word)) return false;
    }
    return true;
  }
}

/** Word 0 to 3 of the address as an IPv6 address; word 4 is the interface, in whichever byte order. */
function wordOf(bytes: Uint8Array, at: number, word: number): number {
  // The family's two bytes are 2, 0 or 0, 2 for IPv4, by the machine's byte order; 10 for IPv6.
  if ((bytes[at]! | bytes[at + 1]!) === AF_INET) {
    if (word === 3) return wordAt(bytes, at + SIN_ADDR);
    return word === 2 ? MAPPED : 0;
  }
  if (word < 4) return wordAt(bytes, at + SIN6_ADDR + 4 * word);
  // The kernel names the interface for link-local addresses alone; a destination is written with it always.
  const linkLocal = bytes[at + SIN6_ADDR] === 0xfe && (bytes[at + SIN6_ADDR + 1]! & 0xc0) === 0x80;
  if (!linkLocal) return 0;
  const scope = at + SIN6_SCOPE;
  return bytes[scope]! | (bytes[scope + 1]! << 8) | (bytes[scope + 2]! << 16) | (bytes[scope + 3]! << 24);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
