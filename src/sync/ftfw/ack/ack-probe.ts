import { before } from '../../../wire/sequence.ts';

/** From one probe to the next, at least. */
const INTERVAL_MS = 100;
/** A message that nobody has acknowledged for so long is given up as a probe. */
const PATIENCE_MS = 60_000;

/** A peer as far as probes are concerned. */
export interface ProbedPeer {
  /** The last probe that it has acknowledged, or that it skipped; 0: none. */
  answeredProbe: number;
}

/**
 * Measures how long peers take to acknowledge a message: of one message at a time, the next data message 100 ms after the
 * last one at the earliest. What a peer lacks, and gets again under another number, is not measured.
 */
export class AckProbe {
  private readonly peers: { states(): Iterable<ProbedPeer & { readonly presence: { isSilent: boolean } }> };
  /** Probes until now: the number of the last one. */
  private probes = 0;
  private sequence = 0;
  private sentAt = Number.NEGATIVE_INFINITY;
  private isOpen = false;

  constructor(peers: AckProbe['peers']) {
    this.peers = peers;
  }

  /** A data message is sent now, in milliseconds, under this number. */
  noteSent(sequence: number, now: number): void {
    if (now - this.sentAt < (this.isOpen ? PATIENCE_MS : INTERVAL_MS)) return;
    this.probes++;
    this.sequence = sequence;
    this.sentAt = now;
    this.isOpen = true;
  }

  /** A peer acknowledges `from` to `to`. Returns the milliseconds since the probe was sent if this is its answer, else -1. */
  noteAck(peer: ProbedPeer, from: number, to: number, now: number): number {
    const { sequence, probes } = this;
    if (!this.isOpen || peer.answeredProbe === probes || before(to, sequence)) return -1;
    peer.answeredProbe = probes;
    this.isOpen = this.isAwaited();
    return before(sequence, from) ? -1 : now - this.sentAt;
  }

  private isAwaited(): boolean {
    for (const { answeredProbe, presence } of this.peers.states())
      if (answeredProbe !== this.probes && !presence.isSilent) return true;
    return false;
  }
}
