import type { EngineStatus } from './engine.ts';
import type { EngineEvents } from './engine-events.ts';
import type { Presence } from './presence.ts';

/** A peer that is silent for so long, in ms, is gone. */
export const PEER_GONE_MS = 60_000;

interface PresentPeer {
  readonly presence: Presence;
  /** The sender of its last message, as the engine is told it. */
  readonly sender: number;
}

/** Adds an event for each peer whose silence has begun since the last call. */
export function reportSilences(peers: Iterable<PresentPeer>, events: EngineEvents, now: number): void {
  for (const { presence, sender } of peers) {
    const silentMs = presence.review(now);
    if (silentMs > 0) events.add({ kind: 'peer-silent', sender, silentMs });
  }
}

export interface TellingPeer {
  readonly presence: Presence;
  /** Whether it is one of ours. */
  readonly tells: boolean;
}

/** Whether peers are heard, and all of them understand what C does not. */
export function areAllOurs(peers: Iterable<TellingPeer>): boolean {
  const heard = [...peers].filter(({ presence }) => !presence.isSilent);
  return heard.length > 0 && heard.every(({ tells }) => tells);
}

/** The peers that are there, and what an engine's status says of all. */
export function presenceOf<Peer extends PresentPeer>(
  peers: Iterable<Peer>,
  now: number,
): {
  readonly present: readonly Peer[];
  readonly figures: Pick<EngineStatus, 'peers' | 'silent' | 'heardAt'>;
} {
  const states = [...peers];
  const present = states.filter(({ presence }) => now - presence.heardAt < PEER_GONE_MS);
  return {
    present,
    figures: {
      peers: present.length,
      silent: present.filter(({ presence }) => presence.isSilent).length,
      heardAt: states.reduce(
        (last, { presence }) => Math.max(last, presence.heardAt),
        Number.NEGATIVE_INFINITY,
      ),
    },
  };
}
