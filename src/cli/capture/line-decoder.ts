import { Decoder } from './decoder.ts';
import { lineJson, lineText } from './message-lines.ts';
import type { Packet } from './packet.ts';
import type { FrameTime } from './pcap.ts';
import type { Tally } from './tally.ts';

export interface DecodeOptions {
  readonly json: boolean;
  /** Undefined: whatever is made of messages, and the usual ports. */
  readonly port: number | undefined;
}

/** A decoder that makes lines. */
export class LineDecoder {
  private readonly decoder: Decoder;
  private lines = '';

  constructor({ json, port }: DecodeOptions) {
    const line = json ? lineJson : lineText;
    this.decoder = new Decoder(port, (message, sighting) => {
      this.lines += line(message, sighting);
    });
  }

  get tally(): Tally {
    return this.decoder.tally;
  }

  /** The lines of the messages that a packet completes. */
  take(time: FrameTime, packet: Packet): string {
    this.lines = '';
    this.decoder.take(time, packet);
    return this.lines;
  }
}
