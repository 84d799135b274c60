import { DATA_TYPE_MAX, flagsOf, sequenceOf, typeOf } from '../../../wire/header.ts';
import type { SequenceTracker } from '../../sequence.ts';

/** Whose numbers go on. */
interface Follower {
  readonly received: SequenceTracker;
}

/**
 * Data that comes from one sender at one time under consecutive numbers, as the messages of a full datagram do. What the first of them
 * showed about their peer holds for the others: only the number has to be looked at.
 */
export class SteadyRun<T extends Follower> {
  private peer: T | undefined;
  private sender = 0;
  private now = 0;

  /** This message of a peer was taken under the number that was expected. Begins a run if it is data without flags. */
  begin(peer: T, sender: number, bytes: Uint8Array, at: number, now: number): void {
    if (!isPlainData(bytes, at)) return;
    this.peer = peer;
    this.sender = sender;
    this.now = now;
  }

  end(): void {
    this.peer = undefined;
  }

  /** The peer whose run the message at `bytes[at]` continues; undefined if it continues none. */
  peerOf(sender: number, bytes: Uint8Array, at: number, now: number): T | undefined {
    const { peer } = this;
    if (peer === undefined || sender !== this.sender || now !== this.now || !isPlainData(bytes, at))
      return undefined;
    return sequenceOf(bytes, at) === peer.received.expected ? peer : undefined;
  }
}

function isPlainData(bytes: Uint8Array, at: number): boolean {
  return typeOf(bytes, at) <= DATA_TYPE_MAX && flagsOf(bytes, at) === 0;
}
