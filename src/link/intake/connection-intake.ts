import { randomBytes } from 'node:crypto';
import { MessageStream } from '../message-stream.ts';
import { claimsToBeSealed } from '../sealed/frame.ts';
import type { KeyFile } from '../sealed/key-file.ts';
import { AcceptedSeal, type AcceptedSink } from '../sealed/stream.ts';
import type { RefusalReason } from './refusals.ts';

/** What a connection that was accepted goes through. */
export interface ConnectionIntake {
  /** Takes the next segment. Returns why the connection is to be reset, `lost` where no message is found any more; undefined: it is not. */
  take(segment: Uint8Array): RefusalReason | 'lost' | undefined;
  /** What to send at once; undefined: nothing. */
  readonly opening: Uint8Array | undefined;
  /** Id of the key that the other end seals with; undefined: none, or it has not said yet. */
  readonly keyId: number | undefined;
}

/** The intake of a new connection. Without a key its other end has nothing to prove, and {@link AcceptedSink.proved} is not called. */
export function connectionIntake(keyFile: KeyFile | undefined, sink: AcceptedSink): ConnectionIntake {
  if (keyFile !== undefined) return new AcceptedSeal(keyFile.keys, randomBytes, sink);
  return new PlainConnection(sink);
}

/** The messages of a connection without a key. */
class PlainConnection implements ConnectionIntake {
  readonly opening = undefined;
  readonly keyId = undefined;
  private readonly stream: MessageStream;
  private isFirst = true;

  constructor(sink: AcceptedSink) {
    this.stream = new MessageStream((bytes, start, end) => sink.datagram(bytes, start, end));
  }

  take(segment: Uint8Array): RefusalReason | 'lost' | undefined {
    if (this.isFirst && claimsToBeSealed(segment, 0, segment.length)) return 'sealed';
    this.isFirst = false;
    return this.stream.take(segment) ? undefined : 'lost';
  }
}
