import { type AckDelayStatistics, type EngineStatus, Missing } from '../engine.ts';
import type { PeerTable } from '../peer-table.ts';
import type { Peer } from './peer.ts';
import { REPAIR_MS } from './peer-round.ts';
import type { ResyncRounds } from './resync-rounds.ts';

/** A peer that is silent for longer, in ms, is none any more. */
const PEER_MS = 60_000;

/** @param healsItself whether the node asks for everything: otherwise it does not know what it lacks */
export function engineStatus(
  peers: PeerTable<Peer>,
  rounds: ResyncRounds,
  healsItself: boolean,
  lastBulk: EngineStatus['lastBulk'],
  ackDelays: AckDelayStatistics,
  now: number,
): EngineStatus {
  const states = [...peers.states()];
  const present = states.filter(({ presence }) => now - presence.heardAt < PEER_MS);
  return {
    peers: present.length,
    silent: present.filter(({ presence }) => presence.isSilent).length,
    heardAt: states.reduce(
      (last, { presence }) => Math.max(last, presence.heardAt),
      Number.NEGATIVE_INFINITY,
    ),
    missing: healsItself ? missingOf(present, rounds, now) : Missing.UNKNOWN,
    lastBulk,
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
