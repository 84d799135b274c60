import { formatAddress } from '../../flow/address.ts';
import { AF_INET } from '../../system/libc.ts';

const SIN_ADDR = 4;
const SIN6_ADDR = 8;
const SIZEOF_SOCKADDR_IN6 = 28;

/** Counts what was refused, and remembers the last sender. A note costs a copy of 28 bytes, so that a flood costs little. */
export class RefusalCounter {
  count = 0;
  /** `struct sockaddr_in` or `sockaddr_in6` of the last sender. */
  private readonly address = new Uint8Array(SIZEOF_SOCKADDR_IN6);

  /**
   * Counts `count` more, whose sender's `struct sockaddr_in` or `sockaddr_in6` lies at `bytes[at]`.
   */
  note(bytes: Uint8Array, at: number, count: number): void {
    this.count += count;
    for (let n = 0; n < SIZEOF_SOCKADDR_IN6; n++) this.address[n] = bytes[at + n] ?? 0;
  }

  /** Goes on from the figures of the counter that this one replaces. */
  takeOver(former: RefusalCounter): void {
    if (this.count === 0) this.address.set(former.address);
    this.count += former.count;
  }

  /** The address of the last sender as text; undefined: there was none. */
  get last(): string | undefined {
    if (this.count === 0) return undefined;
    const { address } = this;
    return (address[0]! | address[1]!) === AF_INET
      ? formatAddress(4, address, SIN_ADDR)
      : formatAddress(6, address, SIN6_ADDR);
  }
}
