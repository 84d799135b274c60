/** Messages out of a TCP stream, however it was cut into segments. No input or output. */

import { MESSAGE_MAX } from '../wire/collector.ts';
import { Framing, frameAt } from '../wire/datagram.ts';
import {
  carriesRange,
  flagsOf,
  HEADER_SIZE,
  isControl,
  isData,
  lengthOf,
  RANGE_SIZE,
  typeOf,
  VERSION,
  versionOf,
} from '../wire/header.ts';

/** Takes `bytes[start, end)`: whole messages back to back, or bytes that are none. They are valid during the call. */
export type MessagesSink = (bytes: Uint8Array, start: number, end: number) => void;

/** Bytes without a message in them after which resynchronisation is given up. */
export const RESYNC_BYTES_MAX = 2 * MESSAGE_MAX;

/**
 * Reassembles the messages of one connection. The sink gets whole messages in order, as many at a time as one segment
 * brings; the tail of a segment waits for the next one, in memory of one message's greatest size.
 *
 * A C node that is faster than its peer loses the framing: when the kernel takes a write in part, the node drops the rest
 * (conntrack-tools' tcp_send counts the bytes and continues). The receiver then finds other bytes where a header should be.
 * A receiving C node drops all that it has read, and believes any length: 60,000 silences it until as many bytes have come.
 *
 * This stream resynchronises: it looks for a plausible header that ends at another one or at the end of the segment. The
 * bytes before that go to the sink as they are, so that its reader counts and drops them. If it finds none for long,
 * {@link take} returns false; the owner then has to close the connection, so that the peer starts again.
 */
export class MessageStream {
  private readonly sink: MessagesSink;
  /** The beginning of a message whose end has not come. */
  private readonly waiting = new Uint8Array(MESSAGE_MAX);
  private waitingLength = 0;
  /** Bytes since the framing was lost; 0 while it is there. */
  private bytesOutOfSync = 0;

  constructor(sink: MessagesSink) {
    this.sink = sink;
  }

  /** Bytes of an unfinished message. */
  get pending(): number {
    return this.waitingLength;
  }

  /** Takes the next segment. Returns false if the stream is lost. */
  take(segment: Uint8Array): boolean {
    const end = segment.length;
    let at = this.waitingLength > 0 ? this.complete(segment) : 0;
    if (this.bytesOutOfSync > 0) at = this.resynchronise(segment, at);
    let start = at;
    for (;;) {
      if (end - at >= HEADER_SIZE && !isHeader(segment, at)) {
        if (at > start) this.sink(segment, start, at);
        start = this.resynchronise(segment, at);
        this.sink(segment, at, start);
        at = start;
      } else if (frameAt(segment, at, end) === Framing.MESSAGE) {
        at += lengthOf(segment, at);
      } else {
        break;
      }
    }
    if (at > start) this.sink(segment, start, at);
    if (at < end) {
      this.waiting.set(segment.subarray(at, end));
      this.waitingLength = end - at;
    }
    return this.bytesOutOfSync < RESYNC_BYTES_MAX;
  }

  /** Adds to the message that waits what it lacks; returns the bytes taken from the segment. */
  private complete(segment: Uint8Array): number {
    const before = this.waitingLength;
    let taken = this.fill(segment, 0, HEADER_SIZE);
    if (this.waitingLength < HEADER_SIZE) return taken;
    if (before < HEADER_SIZE && !isHeader(this.waiting, 0)) {
      this.waitingLength = 0;
      this.bytesOutOfSync = before;
      this.sink(this.waiting, 0, HEADER_SIZE);
      return 0;
    }
    const length = lengthOf(this.waiting, 0);
    taken += this.fill(segment, taken, length);
    if (this.waitingLength < length) return taken;
    this.waitingLength = 0;
    this.sink(this.waiting, 0, length);
    return taken;
  }

  /** Moves bytes from `segment[from]` on until `length` are waiting; returns how many. */
  private fill(segment: Uint8Array, from: number, length: number): number {
    const count = Math.max(0, Math.min(length - this.waitingLength, segment.length - from));
    this.waiting.set(segment.subarray(from, from + count), this.waitingLength);
    this.waitingLength += count;
    return count;
  }

  /** Finds where messages begin again at or behind `from`; the segment's end if nowhere in it. */
  private resynchronise(segment: Uint8Array, from: number): number {
    const end = segment.length;
    for (let at = from; end - at >= HEADER_SIZE; at++) {
      if (isHeader(segment, at) && endsWell(segment, at + lengthOf(segment, at))) {
        this.bytesOutOfSync = 0;
        return at;
      }
    }
    this.bytesOutOfSync += end - from;
    return end;
  }
}

/** True for what a node may have sent as a header (8 bytes must be there). */
function isHeader(bytes: Uint8Array, at: number): boolean {
  if (versionOf(bytes, at) !== VERSION) return false;
  const type = typeOf(bytes, at);
  const flags = flagsOf(bytes, at);
  if (!isControl(type, flags) && !isData(type, flags)) return false;
  return lengthOf(bytes, at) >= (carriesRange(type, flags) ? RANGE_SIZE : HEADER_SIZE);
}

/** True if the segment ends here too, or goes on with what may be a header. */
function endsWell(segment: Uint8Array, at: number): boolean {
  if (segment.length - at >= HEADER_SIZE) return isHeader(segment, at);
  return at === segment.length || (at < segment.length && versionOf(segment, at) === VERSION);
}
