/** What cases find out about a stage. Each rejects with what was expected and what came. */

import type { ConntrackdNode, Exchange, Firewall, FlowLine } from '../netns/lab.ts';
import { until } from '../netns/lab.ts';
import type { Stage } from './stage.ts';

/** Milliseconds until two tables are equal, at most. */
const EQUAL_WITHIN_MS = 20_000;
const SHOWN = 3;

/** @throws Error unless the exchange was answered */
export function mustPass(what: string, { ok, reason }: Exchange): void {
  if (!ok) throw new Error(`${what}: ${reason}`);
}

/** @throws Error if it was answered */
export function mustFail(what: string, { ok }: Exchange): void {
  if (ok) throw new Error(`${what}: answered, which it must not be`);
}

/** What a message says of a flow: nearly all but the reply's tuple, which is not sent. */
function sentPart(flow: FlowLine): string {
  const { protocol, state = '', original, flags, attributes } = flow;
  const tuple = Object.entries(original).map(([key, value]) => `${key}=${value}`);
  const { mark, zone } = attributes;
  const more = [...flags.map((flag) => `[${flag}]`), ...[`mark=${mark ?? 0}`, `zone=${zone ?? 0}`]];
  return [protocol, state, ...tuple, ...more].filter((word) => word !== '').join(' ');
}

const lines = (found: readonly string[]): string =>
  `${found.slice(0, SHOWN).join('; ')}${found.length > SHOWN ? '; ...' : ''}`;

/** How two lists differ, in one phrase; empty if they do not. */
export function differenceOf(expected: readonly string[], found: readonly string[]): string {
  const [wanted, there] = [new Set(expected), new Set(found)];
  const missing = expected.filter((line) => !there.has(line));
  const more = found.filter((line) => !wanted.has(line));
  return [
    missing.length === 0 ? '' : `${missing.length} missing (${lines(missing)})`,
    more.length === 0 ? '' : `${more.length} too many (${lines(more)})`,
    missing.length + more.length === 0 && expected.length !== found.length
      ? `${found.length} instead of ${expected.length}`
      : '',
  ]
    .filter((phrase) => phrase !== '')
    .join(', ');
}

/** Waits until the one node's external cache is the other's internal one, which is its kernel's table. */
export async function untilEqual(from: Firewall, to: Firewall): Promise<void> {
  await until(
    `the external cache of the ${to.side === 'b' ? 'backup' : 'primary'} equals its peer's internal one`,
    async () => {
      const [kernel, internal, external] = [
        await from.flowCount(),
        await from.node().cache('internal'),
        await to.node().cache('external'),
      ];
      if (internal.length !== kernel) throw new Error(`internal ${internal.length}, kernel ${kernel}`);
      const difference = differenceOf(internal.map(sentPart), external.map(sentPart));
      if (difference !== '') throw new Error(difference);
      return true;
    },
    EQUAL_WITHIN_MS,
    200,
  );
}

/** The counters of a node's `-s network` that say that a message was not understood, by name; received and sent ones together. */
export function malformedIn(statistics: string): Readonly<Record<string, number>> {
  const [network = ''] = statistics.split('sequence tracking');
  const counters: Record<string, number> = {};
  for (const [, name, count] of network.matchAll(/^\s*([A-Z][\w ]+):\s+(\d+)$/gm)) {
    counters[name!] = (counters[name!] ?? 0) + Number(count);
  }
  return counters;
}

async function mustUnderstand(who: string, node: ConntrackdNode): Promise<void> {
  const counters = Object.entries(malformedIn(await node.command('-s', 'network')));
  if (counters.length === 0) throw new Error(`${who}: its -s network has no counter of malformed messages`);
  const bad = counters.filter(([, count]) => count > 0).map(([name, count]) => `${name} ${count}`);
  if (bad.length > 0) throw new Error(`${who}: -s network counts ${bad.join(', ')}`);
}

/** @throws Error unless both nodes understood every message */
export async function mustUnderstandEachOther({ primary, backup }: Stage): Promise<void> {
  await mustUnderstand('primary', primary.node());
  await mustUnderstand('backup', backup.node());
}
