import { MessageStream } from '../../link/message-stream.ts';
import { isReplication } from './messages.ts';
import type { Packet } from './packet.ts';

export type Segment = Extract<Packet, { kind: 'tcp' }>;

export interface StreamSink {
  /** Messages back to back, or what stands between messages; valid during the call. */
  stretch(segment: Segment, bytes: Uint8Array): void;
  /** Bytes of a stream that the capture lacks. */
  missing(segment: Segment, bytes: number): void;
}

/** Streams followed at a time; beyond that, the oldest one is dropped. */
const STREAMS_MAX = 256;

interface Stream {
  /** Sequence number of the next byte. */
  next: number;
  readonly messages: MessageStream;
  /** The segment that is being taken. */
  segment: Segment;
}

/**
 * Reassembles each direction of each connection in the order of the capture. It skips retransmitted bytes; where bytes
 * are missing, the stream starts again after the gap.
 */
export class TcpStreams {
  private readonly streams = new Map<string, Stream>();
  private readonly sink: StreamSink;

  constructor(sink: StreamSink) {
    this.sink = sink;
  }

  /** With `certain`, the connection is known to be a sync link; otherwise only once a segment holds whole messages. */
  take(segment: Segment, certain: boolean): void {
    const { source, destination, payload, cut } = segment;
    const key = `${source.address} ${source.port} ${destination.address} ${destination.port}`;
    if (segment.syn) this.streams.delete(key);
    else if (payload.length + cut > 0) this.data(key, segment, certain);
    if (segment.ends) this.streams.delete(key);
  }

  private data(key: string, segment: Segment, certain: boolean): void {
    const { sequence, payload, cut } = segment;
    let stream = this.streams.get(key);
    if (stream === undefined) {
      if (!certain && !isReplication(payload)) return;
      stream = this.open(key, segment);
    }
    const ahead = (sequence - stream.next) | 0;
    if (ahead > 0) {
      this.sink.missing(segment, ahead);
      stream = this.open(key, segment);
    }
    stream.segment = segment;
    const known = Math.max(0, -ahead);
    if (known >= payload.length + cut) return;
    stream.next = (sequence + payload.length + cut) >>> 0;
    stream.messages.take(payload.subarray(Math.min(known, payload.length)));
    if (cut > 0) {
      this.sink.missing(segment, cut);
      this.open(key, segment).next = stream.next;
    }
  }

  private open(key: string, segment: Segment): Stream {
    this.streams.delete(key);
    if (this.streams.size === STREAMS_MAX) {
      const [oldest] = this.streams.keys();
      this.streams.delete(oldest!);
    }
    const stream: Stream = {
      next: segment.sequence,
      messages: new MessageStream((bytes, start, end) =>
        this.sink.stretch(stream.segment, bytes.subarray(start, end)),
      ),
      segment,
    };
    this.streams.set(key, stream);
    return stream;
  }
}
