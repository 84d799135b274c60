/**
 * The intended differences between a C node and ours (docs/protocol.md lists them under these names). A differential run
 * does not send datagrams that cause one: they would hide unknown differences, and some of them harm the C node.
 */

import { fateOf, lengthAt, type Mode, ReferenceReader } from '../reference.ts';

export type Verdict = 'C is unsafe' | 'ours is better' | 'undefined';

export interface KnownDifference {
  readonly name: string;
  readonly verdict: Verdict;
  readonly summary: string;
}

export const KNOWN = {
  text: {
    name: 'a text without NUL',
    verdict: 'C is unsafe',
    summary:
      'C trusts that a helper or function name ends, and reads beyond the attribute; ours refuses the message',
  },
  key: {
    name: 'a record without key',
    verdict: 'C is unsafe',
    summary:
      'C files a record without address or protocol under zeros, and ends its dumps there; ours refuses the message',
  },
  hello: {
    name: 'numbers around a HELLO',
    verdict: 'ours is better',
    summary:
      'C takes every number for the right one while HELLO is set, and any number ahead; ours doubts a HELLO, and a number more than 65,536 away, while the numbers of its sender go on, and asks for what it skipped when it takes another series. After a HELLO it asks for everything, and what comes then replaces what it had, where C adds to it',
  },
  name: {
    name: 'a name that is not plain ASCII',
    verdict: 'C is unsafe',
    summary:
      'C prints the bytes of a helper name as they are, line ends too; ours prints a question mark for them',
  },
  foreign: {
    name: 'layer 4 of another protocol',
    verdict: 'undefined',
    summary:
      'C keeps the ports and the fields of ICMP in the same memory, and so the states of TCP, SCTP and DCCP: the last one that a message brings shines through the others. Of expectations it does not compare the ports of protocols that have none. Ours keeps and compares each attribute',
  },
  incomplete: {
    name: 'a key of which a part is missing',
    verdict: 'undefined',
    summary:
      'C does not compare what only one of two records has, so that which of several is found is a matter of its hash; ours takes what is missing as a key of its own',
  },
  half: {
    name: 'a number half of all numbers away',
    verdict: 'undefined',
    summary: 'C takes a number that is exactly 2^31 from the expected one for one ahead, ours for one behind',
  },
  behind: {
    name: 'a bad header whose number is behind',
    verdict: 'ours is better',
    summary: 'C looks at the number first in FT-FW, and ignores the message; ours counts it as malformed',
  },
  offloaded: {
    name: 'a connection in a flow table',
    verdict: 'ours is better',
    summary:
      'C stores a TCP flow that a flow table forwards without a state, as it came; ours stores it as established, which it has to be to get there',
  },
} as const satisfies Readonly<Record<string, KnownDifference>>;

/** TCP, and types of attributes of a flow. */
const TCP = 6;
const TCP_STATE = 4;
const STATUS = 5;

const HELLO = 32;

/** Our node assigns numbers within this distance to one series. */
const NEAR = 65_536;

const readers = [new ReferenceReader('flow'), new ReferenceReader('expectation')] as const;

/** Port attribute types, by the type of the protocol attribute that they belong to. */
const FLOW_PORTS = [[2, 3]] as const;
const EXPECTATION_PORTS = [
  [2, 3],
  [6, 7],
  [10, 11],
] as const;
/** The tuple of a translation has ports too, but is optional. */
const NAT_PROTOCOL = 17;
const NAT_PORTS = 16;
const ICMP: ReadonlySet<number> = new Set([1, 58]);
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132]);
/** The protocol that a flow attribute belongs to, if it belongs to one. */
const PROTOCOL_OF: ReadonlyMap<number, number> = new Map([
  [4, 6],
  [25, 6],
  [26, 6],
  [17, 132],
  [18, 132],
  [19, 132],
  [20, 33],
  [21, 33],
]);

/** The known difference in how the two nodes store the last record read; undefined if there is none. */
function recordDifference(
  { canonical, size }: ReferenceReader,
  isFlow: boolean,
): KnownDifference | undefined {
  const at = new Int32Array(64).fill(-1);
  for (let from = 0; from < size; from += (((canonical[from]! << 8) | canonical[from + 1]!) + 3) & ~3) {
    at[canonical[from + 3]!] = from;
  }
  const has = (type: number) => at[type]! >= 0;
  const value = (type: number) => canonical[at[type]! + 4]!;
  for (const [protocol, ports] of isFlow ? FLOW_PORTS : EXPECTATION_PORTS) {
    if (!has(protocol)) return KNOWN.incomplete;
    const portless = isFlow ? ICMP.has(value(protocol)) : !WITH_PORTS.has(value(protocol));
    if (has(ports) && portless) return KNOWN.foreign;
    if (!has(ports) && WITH_PORTS.has(value(protocol))) return KNOWN.incomplete;
  }
  if (isFlow) {
    const protocol = value(2);
    for (const [type, wanted] of PROTOCOL_OF) if (has(type) && protocol !== wanted) return KNOWN.foreign;
    if (protocol === TCP && !has(TCP_STATE) && has(STATUS) && isOffloaded(canonical, at[STATUS]!))
      return KNOWN.offloaded;
    const icmp = [22, 23, 24].filter(has).length;
    if (icmp > 0 && !ICMP.has(protocol)) return KNOWN.foreign;
    if (icmp < 3 && ICMP.has(protocol)) return KNOWN.incomplete;
  } else {
    if (!(has(8) || has(9))) return KNOWN.incomplete;
    if (has(NAT_PORTS) && !(has(NAT_PROTOCOL) && WITH_PORTS.has(value(NAT_PROTOCOL)))) return KNOWN.foreign;
  }
  const name = isFlow ? 27 : 19;
  if (!has(name)) return undefined;
  const length = (canonical[at[name]!]! << 8) | canonical[at[name]! + 1]!;
  const text = canonical.subarray(at[name]! + 4, at[name]! + length - 1);
  return text.every((byte) => byte > 0x20 && byte < 0x7f) ? undefined : KNOWN.name;
}

/** IPS_OFFLOAD, bit 14 of the u32 in network byte order. @param at where the attribute begins */
function isOffloaded(record: Uint8Array, at: number): boolean {
  return (record[at + 6]! & 0x40) !== 0;
}

/** Tracks what a node has received from one sender, to predict what it does with the next datagram. */
export class DifferencePredictor {
  /** The next expected number; undefined until the first message. */
  expected: number | undefined;
  /** The attributes that each expectation has, by its tuples. */
  private readonly shapes = new Map<string, number>();
  private readonly mode: Mode;

  constructor(mode: Mode) {
    this.mode = mode;
  }

  /** Call this when the caches are empty again. */
  forgetRecords(): void {
    this.shapes.clear();
  }

  /** The known difference that this datagram would cause; if there is none, records the datagram as received. */
  accept(datagram: Uint8Array): KnownDifference | undefined {
    const { expected } = this;
    const known = this.follow(datagram);
    if (known !== undefined) this.expected = expected;
    return known;
  }

  private follow(datagram: Uint8Array): KnownDifference | undefined {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
    for (let at = 0; at < datagram.length; at += lengthAt(datagram, at)) {
      const fate = fateOf(datagram, at, datagram.length, this.mode);
      if (fate === 'truncated' || fate === 'bad size') return undefined;
      if (fate === 'bad header' && this.mode === 'ftfw' && this.hasPassed(view.getUint32(at + 4))) {
        return KNOWN.behind;
      }
      if (fate !== 'data' && fate !== 'control') continue;
      if (this.mode === 'ftfw' && this.isHalfAway(view.getUint32(at + 4))) return KNOWN.half;
      const behind = this.isBehind(view.getUint32(at + 4), datagram[at + 1]!);
      if (behind === 'unlike') return KNOWN.hello;
      if (fate === 'control' || behind) continue;
      const type = datagram[at]! & 15;
      if (type > 5) continue;
      const reader = readers[type <= 2 ? 0 : 1]!;
      if (reader.read(datagram, at + 8, at + lengthAt(datagram, at))) {
        const known = recordDifference(reader, type <= 2);
        if (known !== undefined) return known;
        if (type > 2 && !this.hasItsShape(reader)) return KNOWN.incomplete;
        continue;
      }
      if (reader.trouble === 'text') return KNOWN.text;
      if (reader.trouble === 'key') return KNOWN.key;
    }
    return undefined;
  }

  /** True unless an earlier expectation had the same tuples, but different other attributes. */
  private hasItsShape({ canonical, size }: ReferenceReader): boolean {
    let tuples = '';
    let shape = 0;
    for (let at = 0; at < size; ) {
      const padded = (((canonical[at]! << 8) | canonical[at + 1]!) + 3) & ~3;
      const type = canonical[at + 3]!;
      if (type < 12) tuples += Buffer.from(canonical.subarray(at, at + padded)).toString('latin1');
      else if (type !== 12) shape |= 1 << type;
      at += padded;
    }
    const known = this.shapes.get(tuples);
    if (known === undefined) this.shapes.set(tuples, shape);
    return known === undefined || known === shape;
  }

  private isHalfAway(sequence: number): boolean {
    return this.expected !== undefined && (sequence - this.expected) >>> 0 === 0x8000_0000;
  }

  private hasPassed(sequence: number): boolean {
    return this.expected !== undefined && ((sequence - this.expected) | 0) < 0;
  }

  private isBehind(sequence: number, flags: number): boolean | 'unlike' {
    if (this.mode !== 'ftfw') {
      this.expected = (sequence + 1) >>> 0;
      return false;
    }
    const { expected } = this;
    const isHello = (flags & HELLO) !== 0;
    // After a HELLO ours asks for everything, and replaces what it had before where C adds to it.
    if (expected !== undefined && (isHello || !isWithin(sequence, expected, NEAR))) return 'unlike';
    if (!isHello && this.hasPassed(sequence)) return true;
    this.expected = (sequence + 1) >>> 0;
    return false;
  }
}

/** True if the two numbers are at most this far apart, in either direction. */
function isWithin(one: number, other: number, distance: number): boolean {
  return Math.abs((one - other) | 0) <= distance;
}
