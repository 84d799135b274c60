import type { Side } from '../../netns/lab.ts';
import type { Outcome } from '../scenario.ts';
import { bytesSentBy, logLinesOf, lostMessages, refusedDatagrams } from './observe.ts';
import type { Stage } from './stage.ts';
import { openStranger, type StrangerOptions } from './stranger.ts';

export interface Attack extends StrangerOptions {
  readonly datagrams: readonly Uint8Array[];
  /** Datagrams a second; by default {@link PER_SECOND}. */
  readonly perSecond?: number;
  /** Milliseconds after the last datagram in which bytes are still counted; by default none. */
  readonly watchMs?: number;
}

/** So many a second no receive buffer of a node is too small for. */
const PER_SECOND = 1_000;

const elapse = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms));

/** Sends a stranger's datagrams to a node, and says what the node did about them. */
export async function attack(
  stage: Stage,
  { datagrams, perSecond = PER_SECOND, watchMs = 0, ...as }: Attack,
) {
  const { lab } = stage;
  const victim = lab[as.against];
  const stranger = await openStranger(lab, as);
  const [bytes, lines] = [await bytesSentBy(victim.namespace), logLinesOf(victim.node())];
  await stranger.send(datagrams, perSecond);
  await elapse(watchMs);
  await stranger.close();
  const bytesSent = (await bytesSentBy(victim.namespace)) - bytes;
  const logLines = logLinesOf(victim.node()) - lines;
  return { offered: datagrams.length, bytesSent, logLines, ...(await countsOf(stage, as.against)) };
}

/** What the attacked node itself counted; nothing if it does not answer. */
async function countsOf(stage: Stage, side: Side): Promise<Pick<Outcome, 'refused' | 'lost'>> {
  const node = stage.node(side);
  try {
    const [refused, lost] = [
      stage.isOurs(side) ? await refusedDatagrams(node) : undefined,
      await lostMessages(node),
    ];
    return { ...(refused === undefined ? {} : { refused }), ...(lost === undefined ? {} : { lost }) };
  } catch {
    return {};
  }
}
