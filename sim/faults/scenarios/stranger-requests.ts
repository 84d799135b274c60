import { setTimeout as elapse } from 'node:timers/promises';
import { Flag } from '../../../src/wire/header.ts';
import type { Scenario } from '../scenario.ts';
import { attack } from '../stage/attack.ts';
import { futureSequence, packMessages, rangeMessage, rangesOfAll } from '../stage/messages.ts';
import { untilUnacknowledged } from '../stage/observe.ts';

/** Milliseconds in which what a request brings is counted. */
const WATCH_MS = 4_000;
/** A heartbeat and what else two idle nodes say meanwhile stays far below. */
const IDLE_BYTES_MAX = 20_000;

const FLOOD_SECONDS = 5;
const FLOOD_PER_SECOND = 100_000;
const FLOOD_LOG_LINES_MAX = 50;
/** More than all messages that the peer may have sent meanwhile. */
const FLOOD_LOST_MAX = 1_000_000;

function resyncs(count: number): Uint8Array[] {
  const sequence = futureSequence();
  return Array.from({ length: count }, (_, n) => rangeMessage(Flag.RESYNC, sequence + n));
}

function requests(name: string, title: string, datagrams: () => Uint8Array[], perSecond?: number): Scenario {
  return {
    name,
    title,
    target: { refused: true, bytesSentMax: IDLE_BYTES_MAX },
    async run(stage) {
      const found = await attack(stage, {
        against: 'a',
        datagrams: datagrams(),
        watchMs: WATCH_MS,
        ...(perSecond === undefined ? {} : { perSecond }),
      });
      return { ...(await stage.recovery()), ...found };
    },
  };
}

/** A number that differs from all others in each request of a flood, as a forger's would. */
const FLOOD_STRIDE = 65_537;

function flood(): Uint8Array[] {
  const sequence = futureSequence();
  return packMessages(
    Array.from({ length: FLOOD_SECONDS * FLOOD_PER_SECOND }, (_, n) =>
      rangeMessage(Flag.RESYNC, sequence + n * FLOOD_STRIDE),
    ),
  );
}

function floodFrom(as: 'stranger' | 'peer'): Scenario {
  return {
    name: as === 'stranger' ? 'resync-flood' : 'resync-flood-spoofed',
    title: `RESYNC ${FLOOD_PER_SECOND.toLocaleString('en')} a second for ${FLOOD_SECONDS} s, from ${as === 'stranger' ? 'an address of its own' : "the peer's address"}`,
    target: {
      refused: as === 'stranger',
      logLinesMax: FLOOD_LOG_LINES_MAX,
      lostMax: FLOOD_LOST_MAX,
    },
    async run(stage) {
      const datagrams = flood();
      const perSecond = datagrams.length / FLOOD_SECONDS;
      const found = await attack(stage, { against: 'a', as, datagrams, perSecond });
      return { ...(await stage.recovery()), ...found };
    },
  };
}

const CHURN_MS = 4_000;

/**
 * The peer hears nothing, so that what is sent waits in the resend queue. A stranger asks for all of it, four times; what that brings
 * is counted while the peer still hears nothing.
 */
const nacks: Scenario = {
  name: 'stranger-nack',
  title: "a stranger's four NACKs, 64 bytes, of what the peer could not acknowledge for 4 s",
  target: { refused: true, bytesSentMax: IDLE_BYTES_MAX },
  async run(stage) {
    const loss = await stage.standby.lose(100);
    const churn = await stage.churn();
    await elapse(CHURN_MS);
    await churn.stop();
    await untilUnacknowledged(stage.node('a'));
    const sequence = futureSequence();
    const messages = [0, 2].flatMap((n) => rangesOfAll(Flag.NACK, sequence + n));
    const found = await attack(stage, {
      against: 'a',
      datagrams: packMessages(messages),
      watchMs: WATCH_MS,
    });
    await loss.stop();
    return { ...(await stage.recovery()), ...found };
  },
};

/** Small requests that make a node send much. */
export const STRANGER_REQUESTS: readonly Scenario[] = [
  requests('stranger-resync', "a stranger's RESYNC, 16 bytes", () => resyncs(1)),
  // One a second: each may be answered before the next comes.
  requests('stranger-resync-10', 'ten of them', () => resyncs(10), 1),
  nacks,
  floodFrom('stranger'),
  floodFrom('peer'),
];
