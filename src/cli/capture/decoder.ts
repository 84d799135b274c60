import { type CapturedMessage, isReplication, messagesIn } from './messages.ts';
import type { Endpoint, Packet } from './packet.ts';
import type { FrameTime } from './pcap.ts';
import { newTally, type Tally } from './tally.ts';
import { TcpStreams } from './tcp-streams.ts';

/** The ports of the examples that come with the C node: Port and Group of one link and of a second one. */
const USUAL_PORTS: ReadonlySet<number> = new Set([3780, 3781]);

/** Where and when a message was seen. */
export interface Sighting {
  readonly time: FrameTime;
  readonly transport: 'udp' | 'tcp';
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

export type MessageSink = (message: CapturedMessage, sighting: Sighting) => void;

/** Finds the messages in packets, which it takes in the order in which they were seen, and counts. */
export class Decoder {
  readonly tally: Tally = newTally();
  private readonly port: number | undefined;
  private readonly sink: MessageSink;
  private readonly streams: TcpStreams;
  /** Of the packet that is being taken. */
  private time: FrameTime = { seconds: 0, nanoseconds: 0 };

  /**
   * @param port what goes from or to it alone; undefined: all that is made of messages, and the usual ports
   * @param sink is given each message during {@link take}
   */
  constructor(port: number | undefined, sink: MessageSink) {
    this.port = port;
    this.sink = sink;
    this.streams = new TcpStreams({
      stretch: ({ source, destination }, bytes) => this.put('tcp', source, destination, bytes),
      missing: (_, bytes) => {
        this.tally.missing += bytes;
      },
    });
  }

  take(time: FrameTime, packet: Packet): void {
    const { tally, port } = this;
    this.time = time;
    tally.frames++;
    if (packet.kind === 'fragment') tally.fragments++;
    if (packet.kind === 'unknown-link') {
      tally.unknownLinks.set(packet.linkType, (tally.unknownLinks.get(packet.linkType) ?? 0) + 1);
    }
    if (packet.kind !== 'udp' && packet.kind !== 'tcp') return;
    const { source, destination, payload } = packet;
    const wanted = this.isWanted(source, destination);
    if (port !== undefined && !wanted) return;
    if (packet.kind === 'tcp') {
      this.streams.take(packet, wanted);
    } else if (wanted || isReplication(payload)) {
      this.put('udp', source, destination, payload);
    }
    if (wanted && packet.cut > 0) tally.cut++;
  }

  private isWanted({ port: from }: Endpoint, { port: to }: Endpoint): boolean {
    return this.port === undefined
      ? USUAL_PORTS.has(from) || USUAL_PORTS.has(to)
      : from === this.port || to === this.port;
  }

  private put(
    transport: Sighting['transport'],
    source: Endpoint,
    destination: Endpoint,
    payload: Uint8Array,
  ): void {
    const { tally, time } = this;
    for (const message of messagesIn(payload)) {
      tally.messages++;
      if ('malformed' in message) tally.malformed++;
      this.sink(message, { time, transport, source, destination });
    }
  }
}
