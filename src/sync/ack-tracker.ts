/** Peers that are waited for at most: those beyond are sent to, but not waited for. */
const PEERS_MAX = 31;

/** Somebody has acknowledged it. */
const ACKNOWLEDGED = 0x8000_0000;

/** A place in the roster. */
export interface AckPeer {
  /** Its bit, 0 for one who is not waited for. */
  bit: number;
  /** When it was heard last, in milliseconds. */
  heardAt: number;
}

/**
 * Whose acknowledgements we wait for. What is sent to a group is acknowledged when everyone in it has said so; as the
 * bits of a word, whoever has not is remembered with each message.
 */
export class AckTracker {
  private readonly peers: AckPeer[] = [];
  private mask = 0;

  /** Everybody, as a message just sent waits for them. Nobody, before anyone was heard: then anyone will do. */
  get everyone(): number {
    return this.mask;
  }

  /** From now on the member is waited for, if there is a place. */
  join(member: AckPeer): void {
    if (member.bit !== 0) return;
    for (let place = 0; place < PEERS_MAX; place++) {
      const bit = (1 << place) >>> 0;
      if (this.mask & bit) continue;
      member.bit = bit;
      this.mask = (this.mask | bit) >>> 0;
      this.peers.push(member);
      return;
    }
  }

  /** The member is not waited for any more. */
  leave(member: AckPeer): void {
    this.mask = (this.mask & ~member.bit) >>> 0;
    member.bit = 0;
    const place = this.peers.indexOf(member);
    if (place >= 0) this.peers.splice(place, 1);
  }

  /** Strikes out who was not heard for so many milliseconds. Returns whether there was anyone. */
  dropSilent(patience: number, now: number): boolean {
    const gone = this.peers.filter(({ heardAt }) => now - heardAt >= patience);
    for (const member of gone) this.leave(member);
    return gone.length > 0;
  }

  /** What is waited for when the member has it. */
  without(waits: number, { bit }: AckPeer): number {
    return ((waits & ~bit) | ACKNOWLEDGED) >>> 0;
  }

  /** True if nobody who is still there is waited for. */
  isSettled(waits: number): boolean {
    return (waits & this.mask) === 0;
  }
}

/** True if somebody has acknowledged it. */
export function wasAcknowledged(waits: number): boolean {
  return (waits & ACKNOWLEDGED) !== 0;
}
