import { JSON_FORM, Request } from '../../../src/control/codes.ts';
import { askNode } from '../../netns/ask.ts';
import type { ConntrackdNode, Namespace } from '../../netns/lab.ts';
import { until } from '../../netns/until.ts';

const ANSWER_MS = 5_000;

function ask(node: ConntrackdNode, request: number): Promise<string> {
  return askNode(node.paths.controlSocket, request, ANSWER_MS);
}

/** Bytes that a namespace has sent on the first sync link, headers included. */
export async function bytesSentBy(namespace: Namespace): Promise<number> {
  return Number(await namespace.must('cat', ['/sys/class/net/sync0/statistics/tx_bytes']));
}

/** Messages that a node of either kind counts as lost. */
export async function lostMessages(node: ConntrackdNode): Promise<number | undefined> {
  const found = /Packets lost:\s+(\d+)/.exec(await ask(node, Request.STATISTICS_NETWORK));
  return found === null ? undefined : Number(found[1]);
}

/** Messages that must wait in a resend queue for a scenario that is about them. */
const UNACKNOWLEDGED_MIN = 1_000;

/** Waits until a node of either kind keeps many messages that its peer has not acknowledged. */
export async function untilUnacknowledged(node: ConntrackdNode): Promise<void> {
  await until('messages wait in the resend queue', async () => {
    const text = await ask(node, Request.STATISTICS_QUEUE);
    return Number(/queue rsqueue:\s+current elements:\s+(\d+)/.exec(text)?.[1]) >= UNACKNOWLEDGED_MIN;
  });
}

/** Lines of a node's log so far. */
export function logLinesOf(node: ConntrackdNode): number {
  return node.log().split('\n').length - 1;
}

interface LinkFigures {
  readonly refused?: Readonly<Record<string, { readonly count: number }>>;
}

/** Datagrams that a node of ours refused because of their sender or seal; undefined if it has no such count. */
export async function refusedDatagrams(node: ConntrackdNode): Promise<number | undefined> {
  const text = await ask(node, Request.STATISTICS_LINK + JSON_FORM);
  // A C node answers such a request with nothing.
  if (text.trim() === '') return undefined;
  const { links = [] } = JSON.parse(text) as { readonly links?: readonly LinkFigures[] };
  if (links.every(({ refused }) => refused === undefined)) return undefined;
  return links
    .flatMap(({ refused = {} }) => Object.values(refused))
    .reduce((sum, { count }) => sum + count, 0);
}

/** Milliseconds until a node answers a request for its statistics; Infinity if it does not within `limitMs`. */
export async function answerTimeMs(node: ConntrackdNode, limitMs = ANSWER_MS): Promise<number> {
  const begin = performance.now();
  try {
    const text = await askNode(node.paths.controlSocket, Request.STATISTICS, limitMs);
    return text.includes('cache internal') ? performance.now() - begin : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
