import { setTimeout as elapse } from 'node:timers/promises';
import { Flag } from '../../../src/wire/header.ts';
import { ALL_PAIRS, type Scenario } from '../scenario.ts';
import { attack } from '../stage/attack.ts';
import { futureSequence, helloMessage, rangesOfAll } from '../stage/messages.ts';
import { untilUnacknowledged } from '../stage/observe.ts';
import { openStranger } from '../stage/stranger.ts';

const OUTAGE_MS = 3_000;

/** While the peer hears nothing, a stranger acknowledges in its place what it never received. */
const forgedAck: Scenario = {
  name: 'stranger-ack',
  title: "a stranger's forged ACK of what was lost",
  target: { refused: true },
  async run(stage) {
    const churn = await stage.churn();
    const loss = await stage.standby.lose(100);
    await elapse(OUTAGE_MS);
    await untilUnacknowledged(stage.node('a'));
    const datagrams = rangesOfAll(Flag.ACK, futureSequence());
    const found = await attack(stage, { against: 'a', datagrams });
    await churn.stop();
    await loss.stop();
    return { ...(await stage.recovery()), ...found };
  },
};

const HELLO_SECONDS = 8;
const HELLOS_PER_SECOND = 2;
/** They go on while the caches are compared. */
const MORE_HELLOS = 60;

/** Somebody says with the peer's address, again and again, that the peer began. Replication must go on meanwhile. */
const spoofedHello: Scenario = {
  name: 'spoofed-hello',
  title: "two HELLOs a second from the peer's address, equal meanwhile",
  pairs: ALL_PAIRS,
  target: {},
  async run(stage) {
    const churn = await stage.churn();
    const stranger = await openStranger(stage.lab, { against: 'b', as: 'peer' });
    const sequence = futureSequence();
    const hellos = Array.from({ length: MORE_HELLOS }, (_, n) => helloMessage(sequence + 1_000 * n));
    // It ends with the stranger, which is then the error of nobody.
    const sending = stranger.send(hellos, HELLOS_PER_SECOND).catch(() => {});
    await elapse(HELLO_SECONDS * 1_000);
    await churn.stop();
    const recovery = await stage.recovery();
    await stranger.close();
    await sending;
    return recovery;
  },
};

export const FORGED_CONTROL: readonly Scenario[] = [forgedAck, spoofedHello];
