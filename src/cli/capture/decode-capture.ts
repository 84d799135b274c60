import { Decoder, type Sighting } from './decoder.ts';
import type { CapturedMessage } from './messages.ts';
import { dissect } from './packet.ts';
import { readCapture } from './pcap.ts';

/** A message of a capture: where and when it was seen, and what it is, or why it is malformed. */
export type SeenMessage = Sighting & { readonly message: CapturedMessage };

export interface CaptureOptions {
  /** What goes from or to this port alone; without it all that is made of messages, and ports 3780 and 3781. */
  readonly port?: number;
}

/**
 * The replication messages in a capture file (pcap, pcapng), in the order of the file, those in TCP streams too.
 * @param chunks the file's bytes, such as `createReadStream(path)`
 * @throws CaptureError if these bytes are no capture; TruncatedCaptureError, behind the last whole frame, if they end too early
 */
export async function* decodeCapture(
  chunks: AsyncIterable<Uint8Array>,
  { port }: CaptureOptions = {},
): AsyncGenerator<SeenMessage> {
  let seen: SeenMessage[] = [];
  const decoder = new Decoder(port, (message, sighting) => seen.push({ ...sighting, message }));
  for await (const { seconds, nanoseconds, linkType, bytes } of readCapture(chunks)) {
    decoder.take({ seconds, nanoseconds }, dissect(linkType, bytes));
    yield* seen;
    seen = [];
  }
}
