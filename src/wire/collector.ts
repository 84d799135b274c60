import { wordsOf } from '../bytes/words.ts';

/** Takes a complete datagram: `bytes[0, length)`, valid until the call returns. */
export type DatagramSink = (bytes: Uint8Array, length: number) => void;

/**
 * Size in bytes of the IPv4 and UDP headers. The C node subtracts it from the MTU for UDP and multicast,
 * even over IPv6.
 */
export const UDP_OVERHEAD = 28;
/** The same for TCP. */
export const TCP_OVERHEAD = 40;

/** Maximum size of a message, header included: its length is a u16. */
export const MESSAGE_MAX = 0xffff;

/**
 * Collects messages into datagrams. As in the C node, a message joins a datagram only if the sum stays
 * strictly below the limit. A message longer than the limit goes out alone (the C node would loop for ever).
 */
export class Collector {
  /** The datagram being built. Write the next message at the offset that {@link reserve} returns. */
  readonly bytes: Uint8Array;
  /** The same memory as words. */
  readonly words: Int32Array;
  private length = 0;
  private limit: number;
  private readonly send: DatagramSink;

  /**
   * @param limit exclusive upper bound of a datagram in bytes: the link's MTU minus its headers
   * @param send called with each datagram
   */
  constructor(limit: number, send: DatagramSink) {
    this.limit = limit;
    this.send = send;
    this.bytes = new Uint8Array(2 * MESSAGE_MAX);
    this.words = wordsOf(this.bytes);
  }

  /** Switches to another link: sends the collected messages, then applies the new link's limit. */
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

  flush(): void {
    if (this.length === 0) return;
    const length = this.length;
    this.length = 0;
    this.send(this.bytes, length);
  }
}
