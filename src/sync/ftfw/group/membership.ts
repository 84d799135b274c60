import type { PeerTable } from '../../peer-table.ts';
import type { Peer } from '../peer.ts';

/** Nodes that are silent for so long, in ms, do not count. */
const HEARD_MS = 5000;

/**
 * Whether this node is in a group of ours: two peers or more are heard, or one whose reports are to others as well, and all of them
 * are ours. A sender that is new has {@link GRACE_MS} to say so. With one peer, or beside a C node, everything is as C does it.
 */
export class Membership {
  private readonly peers: PeerTable<Peer>;
  private heardCount = 0;
  private hasSeveral = false;
  private allOurs = false;
  private active = false;

  constructor(peers: PeerTable<Peer>) {
    this.peers = peers;
  }

  /** Peers that are heard. */
  get size(): number {
    return this.heardCount;
  }

  /** Whether several peers are heard, of whatever program. */
  get isGroup(): boolean {
    return this.hasSeveral;
  }

  /** Whether what is received is acknowledged and asked for with reports. */
  get isActive(): boolean {
    return this.active;
  }

  /** Whether all who hear a report understand it. */
  get canReport(): boolean {
    return this.active && this.allOurs;
  }

  /** Looks at who is there. Returns whether {@link isActive} has changed. */
  review(now: number): boolean {
    const heard = [...this.peers.states()].filter(({ heardAt }) => now - heardAt < HEARD_MS);
    this.heardCount = heard.length;
    this.hasSeveral =
      areSeveral(heard) || heard.some(({ member }) => now - member.awaitedOthersAt < HEARD_MS);
    this.allOurs = heard.every(({ member }) => member.understandsReports(now));
    const was = this.active;
    this.active = this.hasSeveral && heard.every(({ member }) => member.mayBeOurs(now));
    return was !== this.active;
  }
}

/**
 * A node that changes its link may be taken for two for a while: only those on one link are certainly several, and those that have
 * named different series.
 */
function areSeveral(peers: readonly Peer[]): boolean {
  const ids = new Set(peers.map(({ member }) => member.id).filter((id) => id >= 0));
  if (ids.size > 1) return true;
  const numbers = new Map<number, number>();
  for (const { link, number } of peers) {
    const other = numbers.get(link);
    if (other !== undefined && other !== number) return true;
    numbers.set(link, number);
  }
  return false;
}
