import { formatAddress } from '../../flow/address.ts';
import { AF_INET } from '../../system/libc.ts';

const WORDS = 5;
const SIN_ADDR = 4;
const SIN6_ADDR = 8;
const SIN6_SCOPE = 24;
const MAPPED = 0xffff;

/**
 * Addresses of nodes, each with an index: 0, 1 and so on in the order in which they are added. Ports do not count, because the
 * C node sends from a port that changes with each start. An IPv4 address is the same as the IPv6 address that it is mapped
 * to. A link-local address counts together with its interface.
 */
export class AddressList {
  /** Addresses that have room. */
  readonly limit: number;
  /** Five words for each address: an IPv6 address or a mapped IPv4 address as it lies in memory, and the interface. */
  private readonly words: Int32Array;
  private known = 0;
  /** Index of the address found last: usually it is asked for next too. */
  private last = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.words = new Int32Array(limit * WORDS);
  }

  /** Addresses in the list. */
  get length(): number {
    return this.known;
  }

  /**
   * Adds the address in the `struct sockaddr_in` or `sockaddr_in6` at `at`; returns its index.
   * @throws RangeError if the list is full
   */
  add(bytes: Uint8Array, at: number): number {
    if (this.known === this.limit) throw new RangeError(`a list of ${this.limit} addresses is full`);
    const base = this.known * WORDS;
    for (let word = 0; word < WORDS; word++) this.words[base + word] = wordOf(bytes, at, word);
    this.last = this.known;
    return this.known++;
  }

  /** The index of the address in the `struct sockaddr_in` or `sockaddr_in6` at `at`; -1 if it is not in the list. */
  find(bytes: Uint8Array, at: number): number {
    if (this.known > 0 && this.matches(this.last, bytes, at)) return this.last;
    for (let n = 0; n < this.known; n++) {
      if (!this.matches(n, bytes, at)) continue;
      this.last = n;
      return n;
    }
    return -1;
  }

  /** The address at an index as text, without the interface. */
  textOf(n: number): string {
    const bytes = new DataView(new ArrayBuffer(16));
    for (let word = 0; word < 4; word++) bytes.setInt32(4 * word, this.words[n * WORDS + word]!);
    const isIpv4 = [0, 1, 2].every((word) => bytes.getInt32(4 * word) === (word === 2 ? MAPPED : 0));
    const text = new Uint8Array(bytes.buffer);
    return isIpv4 ? formatAddress(4, text, 12) : formatAddress(6, text, 0);
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
