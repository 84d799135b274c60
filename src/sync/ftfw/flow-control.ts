import { previous, span } from '../../wire/sequence.ts';
import type { PeerTable } from '../peer-table.ts';
import type { SequenceSource } from '../sequence.ts';

/** Maximum acknowledgement windows in flight: enough to keep a link busy, few enough for a default socket buffer. */
const WINDOWS_IN_FLIGHT = 8;
/** Messages in flight that are always allowed, because the peer's window may be larger than ours. */
const IN_FLIGHT_MIN = 2400;
/** A peer that acknowledges nothing for this long does not hold up records. */
const ACK_TIMEOUT_MS = 20;
/** Nor does a peer that is silent for this long. */
const PEER_TIMEOUT_MS = 3000;

const NOT_BLOCKED = -1;

/**
 * Limits the messages in flight, so that a bulk does not overrun the peer's socket buffer. While a peer is there, 8
 * acknowledgement windows may be unacknowledged; after 20 ms without an ACK, 8 more. Control messages are not limited.
 */
export class FlowControl {
  private readonly limit: number;
  private readonly sequences: SequenceSource;
  private readonly peers: PeerTable<unknown>;
  /** The highest number that is acknowledged, or counts as acknowledged. */
  private acknowledged: number;
  /** When a record began to wait for an ACK, in milliseconds. */
  private blockedSince = NOT_BLOCKED;

  constructor(ackWindowSize: number, sequences: SequenceSource, peers: PeerTable<unknown>) {
    this.limit = Math.max(WINDOWS_IN_FLIGHT * ackWindowSize, IN_FLIGHT_MIN);
    this.sequences = sequences;
    this.peers = peers;
    this.acknowledged = previous(sequences.next);
  }

  /** Messages sent after the highest number that is acknowledged. */
  private get inFlight(): number {
    return span(this.acknowledged, previous(this.sequences.next)) - 1;
  }

  /** When records are sent without an ACK, in milliseconds; infinity if none waits. */
  get resumesAt(): number {
    return this.blockedSince === NOT_BLOCKED ? Number.POSITIVE_INFINITY : this.blockedSince + ACK_TIMEOUT_MS;
  }

  /** True if the next record may be sent now. If not, it waits for an ACK or for {@link resumesAt}. */
  admit(now: number): boolean {
    if (this.inFlight < this.limit) return true;
    if (!this.peers.anyActiveWithin(PEER_TIMEOUT_MS, now)) return true;
    if (this.blockedSince === NOT_BLOCKED) this.blockedSince = now;
    if (now < this.resumesAt) return false;
    this.reset();
    return true;
  }

  handleTimeout(now: number): void {
    if (now >= this.resumesAt) this.reset();
  }

  /** A peer acknowledged numbers up to this one. One that is not in flight says nothing. */
  acknowledge(last: number): void {
    const ahead = span(this.acknowledged, last) - 1;
    if (ahead === 0 || ahead > this.inFlight) return;
    this.acknowledged = last;
    this.blockedSince = NOT_BLOCKED;
  }

  /** Counts everything sent as acknowledged, so that as much again may be sent. */
  reset(): void {
    this.acknowledged = previous(this.sequences.next);
    this.blockedSince = NOT_BLOCKED;
  }
}
