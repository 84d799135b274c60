import { askNode } from '../../sim/netns/ask.ts';
import type { ConntrackdNode } from '../../sim/netns/lab.ts';
import { Request } from '../../src/control/codes.ts';

export function ask(node: ConntrackdNode, request: number): Promise<string> {
  return askNode(node.paths.controlSocket, request);
}

function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text);
  if (found === null) throw new Error(`no ${pattern.source} in:\n${text}`);
  return Number(found[1]);
}

/** Number of flows in a node's cache. */
export async function cacheSize(node: ConntrackdNode, which: 'internal' | 'external'): Promise<number> {
  const text = await ask(node, Request.STATISTICS);
  return numberIn(text, new RegExp(`cache ${which}:\\s+current active connections:\\s+(\\d+)`));
}

export interface EventCounts {
  readonly received: number;
  /** How often the kernel had to drop events. */
  readonly overruns: number;
}

export async function eventCounts(node: ConntrackdNode): Promise<EventCounts> {
  const text = await ask(node, Request.STATISTICS_RUNTIME);
  return {
    received: numberIn(text, /events received:\s+(\d+)/),
    overruns: numberIn(text, /netlink overrun:\s+(\d+)/),
  };
}

/** Datagrams that a node has sent on its current link. */
export async function datagramsSent(node: ConntrackdNode): Promise<number> {
  return numberIn(await ask(node, Request.STATISTICS), /(\d+) Pckts sent/);
}
