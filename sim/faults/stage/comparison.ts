import { Request } from '../../../src/control/codes.ts';
import { askNode } from '../../netns/ask.ts';
import type { ConntrackdNode, Firewall } from '../../netns/lab.ts';
import type { CacheName } from '../../netns/node.ts';

/** Milliseconds for a node's whole answer. A node that says nothing for so long counts as one that does not answer. */
const ANSWER_MS = 5_000;

/** What tells the flows of a listing apart: protocol, original tuple and zone. */
export type FlowKeys = ReadonlySet<string>;

/** How two sets of flows differ. */
export interface Difference {
  /** Flows that the second set should have, and does not. */
  readonly lacks: number;
  /** Flows that the second set has, and the first does not. */
  readonly dead: number;
}

/** How a standby differs from an active firewall. */
export interface PairDifference extends Difference {
  /** How the active firewall's internal cache differs from its kernel's table, where the counts leave that out. */
  readonly own?: Difference;
}

/** The protocol's name and number, after the family's where `-o extended` prints it. */
const PROTOCOL = /^(?:ipv[46]\s+\d+\s+)?(\S+)\s+\d+ /;
/** A field of a tuple. */
const TUPLE_FIELD = /(?:src|dst|sport|dport|type|code|id|srckey|dstkey)=\S+/g;

/** The keys of the flows that `conntrack -L`, `conntrackd -i` or `conntrackd -e` printed. */
export function keysIn(listing: string): FlowKeys {
  const keys = new Set<string>();
  for (const line of listing.split('\n')) {
    const original = line.indexOf(' src=');
    if (original < 0) continue;
    const reply = line.indexOf(' src=', original + 1);
    const protocol = PROTOCOL.exec(line)?.[1] ?? '';
    const tuple = line.slice(original, reply < 0 ? undefined : reply).match(TUPLE_FIELD) ?? [];
    const zone = / (zone\S*=\d+)/.exec(line)?.[1] ?? '';
    keys.add(`${protocol} ${tuple.join(' ')} ${zone}`);
  }
  return keys;
}

/** How `actual` differs from `expected`. */
export function differenceOf(expected: FlowKeys, actual: FlowKeys): Difference {
  let lacks = 0;
  for (const key of expected) if (!actual.has(key)) lacks++;
  return { lacks, dead: actual.size - (expected.size - lacks) };
}

/** The flows of the kernel's table. */
export async function kernelKeys(firewall: Firewall): Promise<FlowKeys> {
  return keysIn(await firewall.conntrack('-L'));
}

/**
 * The flows of a node's cache.
 * @throws Error if the node does not answer
 */
export async function cacheKeys(node: ConntrackdNode, which: CacheName): Promise<FlowKeys> {
  const request = which === 'internal' ? Request.DUMP_INTERNAL_CT : Request.DUMP_EXTERNAL_CT;
  return keysIn(await askNode(node.paths.controlSocket, request, ANSWER_MS));
}

/**
 * How far the standby is from the active firewall: the internal cache from the kernel's table, and the external cache from
 * the internal one. A flow that is wrong in both counts twice.
 */
export async function comparePair(active: Firewall, standby: Firewall): Promise<PairDifference> {
  const { own, peer } = await differencesOf(active, standby);
  return { lacks: own.lacks + peer.lacks, dead: own.dead + peer.dead };
}

/**
 * The external cache from the internal one, which is all that the active firewall's node can tell: what its own cache has wrong is no
 * part of the counts. A C node that starts under churn misses what changes while it reads the table, because it subscribes to
 * events only after that (docs/faults.md).
 */
export async function compareCaches(active: Firewall, standby: Firewall): Promise<PairDifference> {
  const { own, peer } = await differencesOf(active, standby);
  return { ...peer, own };
}

async function differencesOf(active: Firewall, standby: Firewall) {
  const [kernel, internal, external] = await Promise.all([
    kernelKeys(active),
    cacheKeys(active.node(), 'internal'),
    cacheKeys(standby.node(), 'external'),
  ]);
  return { own: differenceOf(kernel, internal), peer: differenceOf(internal, external) };
}

/** The same without asking the active firewall's node: the external cache from the kernel's table. */
export async function compareWithKernel(active: Firewall, standby: Firewall): Promise<Difference> {
  const [kernel, external] = await Promise.all([kernelKeys(active), cacheKeys(standby.node(), 'external')]);
  return differenceOf(kernel, external);
}

export function isEqual({ lacks, dead }: Difference): boolean {
  return lacks === 0 && dead === 0;
}
