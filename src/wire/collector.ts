import { wordsOf } from '../bytes/words.ts';

/** Takes a finished datagram: `bytes[0, length)`, valid until the call returns. */
export type DatagramSink = (bytes: Uint8Array, length: number) => void;

/** IPv4 and UDP headers in bytes, what the C node subtracts from the MTU for UDP and multicast, IPv6 included. */
export const UDP_OVERHEAD = 28;
/** The same for TCP. */
export const TCP_OVERHEAD = 40;

/** The greatest message, header included: its length is a u16. */
export const MESSAGE_MAX = 0xffff;

/**
 * Collects messages into datagrams. A message joins the others only if the sum stays strictly below the limit, as in
 * the C node; one that is longer than that by itself goes out alone (where the C node would loop for ever).
 */
export class Collector {
  /** The datagram under way. Write the next message at the offset that {@link reserve} returns. */
  readonly bytes: Uint8Array;
  /** The same memory as words. */
  readonly words: Int32Array;
  private length = 0;
  private limit: number;
  private readonly send: DatagramSink;

  /**
   * @param limit size of a datagram in bytes that is not reached: the link's MTU less its headers
   * @param send is given each datagram
   */
  constructor(limit: number, send: DatagramSink) {
    this.limit = limit;
    this.send = send;
    this.bytes = new Uint8Array(2 * MESSAGE_MAX);
    this.words = wordsOf(this.bytes);
  }

  /** Another link is used from here on: sends what was collected, and keeps to the new link's limit. */
  setLimit(limit: number): void {
    if (limit === this.limit) return;
    this.flush();
    this.limit = limit;
  }

  /** Makes room for a message of `size` bytes and returns its offset in {@link bytes}. */
  reserve(size: number): number {
    if (this.length > 0 && this.length + size >= this.limit) this.flush();
    const at = this.length;
    this.length += size;
    return at;
  }

  /** Sends what was collected. */
  flush(): void {
    if (this.length === 0) return;
    const length = this.length;
    this.length = 0;
    this.send(this.bytes, length);
  }
}
