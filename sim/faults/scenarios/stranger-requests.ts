import { Flag } from '../../../src/wire/header.ts';
import type { Scenario } from '../scenario.ts';
import { attack } from '../stage/attack.ts';
import { futureSequence, helloMessage, packMessages, rangeMessage } from '../stage/messages.ts';

/** Milliseconds in which what a request brings is counted. */
const WATCH_MS = 4_000;
/** A heartbeat and what else two idle nodes say meanwhile stays far below. */
const IDLE_BYTES_MAX = 20_000;
/** Numbers before and behind the clock's seconds: as many as a range may have lie between them. */
const REACH = 2 ** 29;

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

/** A stranger says HELLO, acknowledges nothing, and asks later for all that was sent meanwhile, four times. */
const nacks: Scenario = {
  name: 'stranger-nack',
  title: "a stranger's HELLO, and after 4 s of churn its four NACKs, 72 bytes",
  target: { refused: true, bytesSentMax: IDLE_BYTES_MAX },
  async run(stage) {
    const churn = await stage.churn();
    const sequence = futureSequence();
    await attack(stage, { against: 'a', datagrams: [helloMessage(sequence)], watchMs: CHURN_MS });
    await churn.stop();
    const before = await stage.recovery();
    if (before.recoverMs === undefined) return before;
    const middle = Math.floor(Date.now() / 1_000);
    const messages = [1, 2, 3, 4].map((n) =>
      rangeMessage(Flag.NACK, sequence + n, middle - REACH, middle + REACH),
    );
    const found = await attack(stage, {
      against: 'a',
      datagrams: packMessages(messages),
      watchMs: WATCH_MS,
    });
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
