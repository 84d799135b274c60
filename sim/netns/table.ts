/** One direction of a flow as `conntrack` prints it: `src`, `dst`, `sport`, `dport`, `type`, `code`, `id`, ... */
export type Direction = Readonly<Record<string, string>>;

export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}

/** One parsed line of the kernel's table or of a node's cache. */
export interface FlowLine {
  /** Protocol name, as printed. */
  readonly protocol: string;
  readonly protocolNumber: number;
  /** Seconds left; only the kernel's table prints them. */
  readonly timeout?: number;
  /** The protocol's state in words, if it has one. */
  readonly state?: string;
  readonly original: Direction;
  readonly reply: Direction;
  /** Packets and bytes in the original and in the reply direction, if the kernel counts them. */
  readonly counters: readonly Counters[];
  /** ASSURED, UNREPLIED, ... */
  readonly flags: readonly string[];
  /** The fields outside both tuples: `mark`, `zone`, `use`, `helper`, ... */
  readonly attributes: Readonly<Record<string, string>>;
  /** The line without the parts that vary with time and place: family, timeout, use count, age, id, counters. */
  readonly text: string;
}

const OUTSIDE = new Set([
  'mark',
  'use',
  'zone',
  'zone-orig',
  'zone-reply',
  'helper',
  'labels',
  'id',
  'secctx',
  'secmark',
  'delta-time',
]);

const ICMP = new Set(['icmp', 'icmpv6']);

// `[active since 12s]` and similar: the age of a cache record.
const AGE = /\s*\[(?:active|inactive|last)[^\]]*\]/g;

/**
 * Parses one line of `conntrack -L -o extended`, `conntrackd -i` or `conntrackd -e`. Undefined if it is not such a line.
 */
export function parseFlowLine(line: string): FlowLine | undefined {
  const words = line.replace(AGE, ' ').trim().split(/\s+/);
  if (words[0] === 'ipv4' || words[0] === 'ipv6') words.splice(0, 2);
  const [protocol, number] = words;
  if (protocol === undefined || number === undefined || !/^\d+$/.test(number)) return undefined;
  let at = 2;
  let timeout: number | undefined;
  if (/^\d+$/.test(words[at] ?? '')) timeout = Number(words[at++]);
  let state: string | undefined;
  if (/^[A-Z][A-Z_0-9-]*$/.test(words[at] ?? '')) state = words[at++];
  const tuples: Record<string, string>[] = [];
  const flags: string[] = [];
  const counters: Counters[] = [];
  const attributes: Record<string, string> = {};
  const kept = [protocol, number];
  if (state !== undefined) kept.push(state);
  for (const word of words.slice(at)) {
    const flag = /^\[(.+)\]$/.exec(word);
    if (flag) {
      flags.push(flag[1]!);
      kept.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    if (equals < 0) continue;
    const key = word.slice(0, equals);
    const value = word.slice(equals + 1);
    if (key === 'packets') {
      counters.push({ packets: Number(value), bytes: 0 });
      continue;
    }
    if (key === 'bytes' && counters.length > 0) {
      counters.push({ ...counters.pop()!, bytes: Number(value) });
      continue;
    }
    if (key === 'src') tuples.push({});
    const tuple = tuples.at(-1);
    // An ICMP tuple has an `id` of its own; outside the tuple, `id=` identifies the kernel's entry.
    const icmpId = key === 'id' && tuple !== undefined && ICMP.has(protocol) && !('id' in tuple);
    if (tuple !== undefined && (icmpId || !OUTSIDE.has(key))) tuple[key] = value;
    else attributes[key] = value;
    if (icmpId || (key !== 'use' && key !== 'id')) kept.push(word);
  }
  if (tuples[0] === undefined) return undefined;
  return {
    protocol,
    protocolNumber: Number(number),
    ...(timeout === undefined ? {} : { timeout }),
    ...(state === undefined ? {} : { state }),
    original: tuples[0],
    reply: tuples[1] ?? {},
    counters,
    flags,
    attributes,
    text: kept.join(' '),
  };
}

/** Parses a whole listing, sorted by text, so that two listings of the same flows are equal. */
export function parseFlowTable(listing: string): FlowLine[] {
  const flows: FlowLine[] = [];
  for (const line of listing.split('\n')) {
    const flow = parseFlowLine(line);
    if (flow !== undefined) flows.push(flow);
  }
  return flows.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
}

/** Parses a listing, of flows or expectations, of which only the sorted, normalised lines matter. */
export function normaliseLines(listing: string): string[] {
  return listing
    .split('\n')
    .map((line) => line.replace(AGE, '').replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '')
    .sort();
}

/** Finds the flows whose original direction has all of these fields. */
export function flowsMatching(flows: readonly FlowLine[], original: Direction): FlowLine[] {
  const wanted = Object.entries(original);
  return flows.filter((flow) => wanted.every(([key, value]) => flow.original[key] === value));
}
