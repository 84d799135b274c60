import { lengthAt } from '../reference.ts';

/** The externally visible state of a node. */
export interface Observation {
  /** Refused messages by kind, with the names of `-s network`. */
  readonly counters: Readonly<Record<string, number>>;
  /** The external caches as dumps, sorted, without ages. */
  readonly flows: readonly string[];
  readonly expectations: readonly string[];
  /** Number of records according to the statistics of the external caches. */
  readonly active: Readonly<Record<string, number>>;
  /** The ranges of the node's NACKs, in order. */
  readonly nacks: readonly string[];
  /** Whether the node asked for everything since the last observation. */
  readonly hasAsked: boolean;
}

const COUNTERS = [
  'Malformed messages',
  'Wrong protocol version',
  'Malformed header',
  'Malformed payload',
  'Bad message type',
  'Truncated message',
  'Bad message size',
] as const;

/** The counters of refused messages. @throws Error if the text is not such statistics */
export function countersIn(network: string): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const name of COUNTERS) {
    const found = new RegExp(`${name}:\\s+(\\d+)`).exec(network);
    if (found === null) throw new Error(`no "${name}" in:\n${network}`);
    counters[name] = Number(found[1]);
  }
  return counters;
}

export function packetsIn(statistics: string): number {
  const found = /(\d+) Pckts recv/.exec(statistics);
  if (found === null) throw new Error(`no received packets in:\n${statistics}`);
  return Number(found[1]);
}

export function activeIn(statistics: string): number {
  return Number(/external:\s+current active \w+:\s+(\d+)/.exec(statistics)?.[1] ?? -1);
}

/** A dump's lines, sorted, without the parts that change with time. */
export function linesIn(dump: string): string[] {
  return dump
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line
        .replace(/ \[active since -?\d+s\]/, '')
        .replace(/ \[expires in -?\d+s\]/, '')
        .trimEnd(),
    )
    .sort();
}

const RESYNC_FLAG = 2;
const NACK_FLAG = 4;
const ACK_FLAG = 8;
/** The kind of a disagreement about NACKs. */
export const NACK = 'NACK';

/** The ranges of the NACKs that a node sent; a NACK that it resent on request counts once. */
export function nacksIn(datagrams: readonly Uint8Array[]): string[] {
  const ranges = new Set<string>();
  for (const bytes of datagrams) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; bytes.length - at >= 16; at += Math.max(8, lengthAt(bytes, at))) {
      const isNack = (bytes[at]! & 15) === 10 && (bytes[at + 1]! & (NACK_FLAG | ACK_FLAG)) === NACK_FLAG;
      if (isNack) ranges.add(`${view.getUint32(at + 8)}-${view.getUint32(at + 12)}`);
    }
  }
  return [...ranges];
}

/** Whether there is a request for everything among what a node sent. */
export function hasResync(datagrams: readonly Uint8Array[]): boolean {
  for (const bytes of datagrams)
    for (let at = 0; bytes.length - at >= 16; at += Math.max(8, lengthAt(bytes, at)))
      if ((bytes[at]! & 15) === 10 && (bytes[at + 1]! & RESYNC_FLAG) !== 0) return true;
  return false;
}

export interface Disagreement {
  /** The kind of the difference; equal for equal kinds. */
  readonly kind: string;
  readonly detail: string;
}

const SHOWN = 3;

function listed(lines: readonly string[]): string {
  return lines.length === 0 ? 'nothing' : lines.slice(0, SHOWN).join(' | ');
}

function onlyIn(one: readonly string[], other: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of other) left.set(line, (left.get(line) ?? 0) + 1);
  return one.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

/** Leaves out each line of ours that says less than one of C, and that one. */
function withoutPairs(theirs: readonly string[], alone: readonly string[]): [string[], string[]] {
  const left = [...theirs];
  const rest = alone.filter((line) => {
    const words = line.split(' ');
    const at = left.findIndex((other) => words.every((word) => other.split(' ').includes(word)));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return [left, rest];
}

/**
 * @param hasAsked whether ours asked for everything: it then replaces what it had with what comes, where C adds to it
 */
function lists(
  kind: string,
  c: readonly string[],
  ours: readonly string[],
  hasAsked = false,
): Disagreement[] {
  let theirs = onlyIn(c, ours);
  let alone = onlyIn(ours, c);
  if (hasAsked) [theirs, alone] = withoutPairs(theirs, alone);
  if (theirs.length === 0 && alone.length === 0) return [];
  return [{ kind, detail: `only C: ${listed(theirs)}; only ours: ${listed(alone)}` }];
}

function numbers(
  kind: string,
  c: Readonly<Record<string, number>>,
  ours: Readonly<Record<string, number>>,
): Disagreement[] {
  return Object.keys(c)
    .filter((name) => c[name] !== ours[name])
    .map((name) => ({ kind: `${kind}: ${name}`, detail: `C ${c[name]}, ours ${ours[name]}` }));
}

/** The differences between a C node and ours after both received the same datagrams. */
export function disagreements(c: Observation, ours: Observation): Disagreement[] {
  return [
    ...numbers('counter', c.counters, ours.counters),
    ...numbers('cache size', c.active, ours.active),
    ...lists('flows', c.flows, ours.flows, ours.hasAsked),
    ...lists('expectations', c.expectations, ours.expectations, ours.hasAsked),
    ...lists(NACK, c.nacks, ours.nacks),
  ];
}
