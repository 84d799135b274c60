import { formatAddress } from '../../flow/address.ts';
import { AF_INET } from '../../system/libc.ts';

const SIN_ADDR = 4;
const SIN6_ADDR = 8;
const SIZEOF_SOCKADDR_IN6 = 28;

/** What was refused because of who sent it. A note costs a copy of 28 bytes, so that a flood costs little. */
export class Strangers {
  /** Datagrams, or connections of a TCP link. */
  count = 0;
  /** `struct sockaddr_in` or `sockaddr_in6` of the last one. */
  private readonly address = new Uint8Array(SIZEOF_SOCKADDR_IN6);

  /** The sender's `struct sockaddr_in` or `sockaddr_in6` lies at `at`. */
  note(bytes: Uint8Array, at: number, count: number): void {
    this.count += count;
    for (let n = 0; n < SIZEOF_SOCKADDR_IN6; n++) this.address[n] = bytes[at + n] ?? 0;
  }

  /** Goes on from the figures of the link that this one replaces. */
  takeOver(former: Strangers): void {
    this.count += former.count;
    if (this.count === former.count) this.address.set(former.address);
  }

  /** The address of the last one as text; undefined: there was none. */
  get last(): string | undefined {
    if (this.count === 0) return undefined;
    const { address } = this;
    return (address[0]! | address[1]!) === AF_INET
      ? formatAddress(4, address, SIN_ADDR)
      : formatAddress(6, address, SIN6_ADDR);
  }
}
