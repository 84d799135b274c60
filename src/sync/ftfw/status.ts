import { type AckDelayStatistics, type EngineStatus, Missing } from '../engine.ts';
import { presenceOf } from '../peer-presence.ts';
import type { PeerTable } from '../peer-table.ts';
import type { Peer } from './peer.ts';
import { REPAIR_MS } from './peer-round.ts';
import type { ResyncRounds } from './resync-rounds.ts';

/** The state of each node that was heard: of one that came back on another link, that of the link which it was heard on last. */
export function currentStates(peers: PeerTable<Peer>): readonly Peer[] {
  const current = new Map<number, Peer>();
  for (const peer of peers.states()) {
    const known = current.get(peer.number);
    if (known === undefined || known.heardAt <= peer.heardAt) current.set(peer.number, peer);
  }
  return [...current.values()];
}

/** The one node that was heard; undefined if none was, or several. */
export function onlyPeer(peers: PeerTable<Peer>): Peer | undefined {
  const [one, ...others] = currentStates(peers);
  return others.length === 0 ? one : undefined;
}

/** @param healsItself whether the node asks for everything: otherwise it does not know what it lacks */
export function engineStatus(
  peers: PeerTable<Peer>,
  rounds: ResyncRounds,
  healsItself: boolean,
  ackDelays: AckDelayStatistics,
  now: number,
): EngineStatus {
  const { present, figures } = presenceOf(currentStates(peers), now);
  return {
    ...figures,
    missing: healsItself ? missingOf(present, rounds, now) : Missing.UNKNOWN,
    ackDelays,
  };
}

function missingOf(present: readonly Peer[], rounds: ResyncRounds, now: number): Missing {
  if (rounds.isAskOutstanding || present.some(({ round }) => round.isOpen || !round.isAnswered))
    return Missing.ANSWER;
  return present.some(({ round }) => now - round.disturbedAt < REPAIR_MS)
    ? Missing.MESSAGES
    : Missing.NOTHING;
}
