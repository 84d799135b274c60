/** What a filter can ask of a flow: one term a row, which the parser, the kernel's filter and the help text share. */

import { AddressAt, type ListedFlow, UNKNOWN } from '../../../flow/listed/listed-flow.ts';
import { protocolName } from '../../../flow/names.ts';
import { parseAddress } from '../../../flow/parse-address.ts';
import { DCCP_STATES, Protocol, SCTP_STATES, TCP_STATES } from '../../../flow/protocol.ts';
import { Status } from '../../../flow/status.ts';
import type { KernelFilter } from '../../../kernel/listing/table-listing.ts';
import { Comparison, parseDuration, parseQuantity, parseWhole, splitComparison } from './amounts.ts';
import { unexpectedWord } from './error.ts';
import { type Test, Truth, truth } from './truth.ts';

/** A term that was read: the test, and what the kernel may leave out where all flows that pass must pass this term. */
export interface Term {
  readonly test: Test;
  readonly kernel?: KernelFilter;
}

/** A term without a value. */
export interface FlagTerm {
  readonly name: string;
  readonly help: string;
  readonly term: Term;
}

/** A term with a value. */
export interface ValueTerm {
  readonly name: string;
  /** What stands for the value in the help text. */
  readonly value: string;
  readonly help: string;
  /** What is expected where the value means nothing. */
  readonly expected: string;
  /** True where the value is compared: `>1h`. */
  readonly compared?: true;
  /** Undefined where the text means nothing. One value: the parser splits lists at commas. */
  readonly read: (text: string) => Term | undefined;
  /** Names that a value may have, for a hint. */
  readonly names?: readonly string[];
}

function statusFlag(name: string, help: string, bits: number, mask: number = bits): FlagTerm {
  const test: Test = ({ status }) => (status < 0 ? Truth.UNKNOWN : truth((status & mask) === bits));
  return { name, help, term: { test, kernel: { status: { bits, mask } } } };
}

function anyStatus(name: string, help: string, mask: number): FlagTerm {
  const test: Test = ({ status }) => (status < 0 ? Truth.UNKNOWN : truth((status & mask) !== 0));
  return { name, help, term: { test } };
}

function protocolFlag(protocol: number): FlagTerm {
  const name = protocolName(protocol);
  return {
    name,
    help: `protocol ${protocol}`,
    term: { test: (flow) => truth(flow.protocol === protocol) },
  };
}

function familyFlag(family: 4 | 6): FlagTerm {
  return {
    name: `ipv${family}`,
    help: `IPv${family}`,
    term: { test: (flow) => truth(flow.family === family), kernel: { family } },
  };
}

export const FLAG_TERMS: readonly FlagTerm[] = [
  { name: 'all', help: 'every flow', term: { test: () => Truth.YES } },
  familyFlag(4),
  familyFlag(6),
  ...Object.values(Protocol)
    .filter((protocol) => protocolName(protocol) !== 'unknown')
    .map(protocolFlag),
  statusFlag('unreplied', 'no packet came back yet', 0, Status.SEEN_REPLY),
  statusFlag('replied', 'a packet came back', Status.SEEN_REPLY),
  statusFlag('assured', 'not dropped early when the table is full', Status.ASSURED),
  statusFlag('unassured', 'dropped first when the table is full', 0, Status.ASSURED),
  anyStatus('nat', 'source or destination was translated', Status.SRC_NAT | Status.DST_NAT),
  statusFlag('snat', 'source was translated', Status.SRC_NAT),
  statusFlag('dnat', 'destination was translated', Status.DST_NAT),
  anyStatus('offload', 'a flow table forwards it', Status.OFFLOAD | Status.HW_OFFLOAD),
  statusFlag('expected', 'another flow expected it, as FTP data', Status.EXPECTED),
];

/** Tests `address/prefix` at one of the places of a flow's addresses. */
function network(text: string): { readonly family: 4 | 6; readonly matches: Matches } | undefined {
  const [address, prefix, more] = text.split('/');
  let bytes: Uint8Array;
  try {
    bytes = parseAddress(address!);
  } catch {
    return undefined;
  }
  const most = 8 * bytes.length;
  const length = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : most + 1;
  if (more !== undefined || length > most) return undefined;
  const family = bytes.length === 4 ? 4 : 6;
  // As bytes, which are in network order on every machine, and then as its words.
  const mask = Uint8Array.from(
    { length: bytes.length },
    (_, n) => (0xff00 >> Math.min(8, Math.max(0, length - 8 * n))) & 0xff,
  );
  const maskWords = new Int32Array(mask.buffer);
  const wanted = new Int32Array(Uint8Array.from(bytes, (byte, n) => byte & mask[n]!).buffer);
  const matches: Matches = (flow, at) => {
    if (flow.family !== family) return false;
    for (let n = 0; n < wanted.length; n++)
      if ((flow.addressWords[(at >> 2) + n]! & maskWords[n]!) !== wanted[n]) return false;
    return true;
  };
  return { family, matches };
}
type Matches = (flow: ListedFlow, at: number) => boolean;

function addressTerm(name: string, help: string, ...places: readonly AddressAt[]): ValueTerm {
  const needsReply = places.some((at) => at >= AddressAt.REPLY_SOURCE);
  return {
    name,
    value: 'ADDRESS[/BITS]',
    help,
    expected: 'an address or a network such as 10.0.0.0/8',
    read(text) {
      const found = network(text);
      if (found === undefined) return undefined;
      const test: Test = (flow) => {
        if (needsReply && !flow.hasReply) return Truth.UNKNOWN;
        for (const at of places) if (found.matches(flow, at)) return Truth.YES;
        return Truth.NO;
      };
      return { test, kernel: { family: found.family } };
    },
  };
}

function range(text: string, max: number): readonly [number, number] | undefined {
  const [from, to = from, more] = text.split('-');
  const low = parseWhole(from!, max);
  const high = parseWhole(to!, max);
  return more !== undefined || low === undefined || high === undefined || low > high
    ? undefined
    : [low, high];
}

function portTerm(
  name: string,
  help: string,
  ...ports: readonly ((flow: ListedFlow) => number)[]
): ValueTerm {
  return {
    name,
    value: 'PORT[-PORT]',
    help,
    expected: 'a port, or a range such as 1024-65535',
    read(text) {
      const found = range(text, 65_535);
      if (found === undefined) return undefined;
      const [low, high] = found;
      return {
        test: (flow) => {
          // The keys of GRE are no ports.
          if (flow.protocol === Protocol.GRE) return Truth.NO;
          for (const portOf of ports) {
            const port = portOf(flow);
            if (port >= low && port <= high) return Truth.YES;
          }
          return Truth.NO;
        },
      };
    },
  };
}

function numberTerm(
  name: string,
  help: string,
  max: number,
  numberOf: (flow: ListedFlow) => number,
  kernel?: (value: number) => KernelFilter,
): ValueTerm {
  return {
    name,
    value: 'NUMBER',
    help,
    expected: `a number from 0 to ${max}`,
    read(text) {
      const value = parseWhole(text, max);
      if (value === undefined) return undefined;
      return {
        test: (flow) => truth(numberOf(flow) === value),
        ...(kernel === undefined ? {} : { kernel: kernel(value) }),
      };
    },
  };
}

function comparedTerm(
  name: string,
  help: string,
  kind: 'duration' | 'quantity',
  amountOf: (...of: Parameters<Test>) => number,
): ValueTerm {
  const isDuration = kind === 'duration';
  const example = isDuration ? "'>1h'" : "'>10M'";
  return {
    name,
    value: isDuration ? "'>TIME'" : "'>AMOUNT'",
    help,
    expected: `a comparison such as ${example} (in quotes, or the shell takes > and < for itself), or over ${isDuration ? '1h' : '10M'}`,
    compared: true,
    read(text) {
      const [sign, amount] = splitComparison(text) ?? [];
      if (sign === undefined) return undefined;
      const value = isDuration ? parseDuration(amount!) : parseQuantity(amount!);
      if (value === undefined) return undefined;
      const compare = Comparison[sign];
      return {
        test: (flow, context) => {
          const found = amountOf(flow, context);
          return found < 0 ? Truth.UNKNOWN : truth(compare(found, value));
        },
      };
    },
  };
}

const U32_MAX = 0xffff_ffff;

/** Names of the states by protocol. */
const STATES: ReadonlyMap<number, readonly string[]> = new Map<number, readonly string[]>([
  [Protocol.TCP, TCP_STATES],
  [Protocol.SCTP, SCTP_STATES],
  [Protocol.DCCP, DCCP_STATES],
]);
const STATE_NAMES = [...new Set([...STATES.values()].flat())].map((state) => state.toLowerCase());

const stateTerm: ValueTerm = {
  name: 'state',
  value: 'STATE',
  help: 'state of TCP, SCTP or DCCP, such as established',
  expected: `a state: ${STATE_NAMES.join(', ')}`,
  names: STATE_NAMES,
  read(text) {
    const name = text.toUpperCase().replaceAll('-', '_');
    const numbers = new Map([...STATES].map(([protocol, names]) => [protocol, names.indexOf(name)]));
    if ([...numbers.values()].every((state) => state < 0)) return undefined;
    return {
      test: (flow) => {
        const wanted = numbers.get(flow.protocol);
        if (wanted === undefined) return Truth.NO;
        return flow.state < 0 ? Truth.UNKNOWN : truth(flow.state === wanted);
      },
    };
  },
};

const PROTOCOL_NAMES = Object.values(Protocol)
  .map(protocolName)
  .filter((name) => name !== 'unknown');

const protocolTerm: ValueTerm = {
  name: 'proto',
  value: 'PROTOCOL',
  help: 'tcp, udp, icmp, ..., or a number',
  expected: `a protocol: a number from 0 to 255, or ${PROTOCOL_NAMES.join(', ')}`,
  names: PROTOCOL_NAMES,
  read(text) {
    const named = Object.values(Protocol).find((protocol) => protocolName(protocol) === text.toLowerCase());
    const protocol = named ?? parseWhole(text, 255);
    return protocol === undefined ? undefined : { test: (flow) => truth(flow.protocol === protocol) };
  },
};

const markTerm: ValueTerm = {
  name: 'mark',
  value: 'MARK[/MASK]',
  help: 'the mark, such as 0x10 or 0x10/0xf0',
  expected: 'a mark such as 0x10, or with a mask such as 0x10/0xf0',
  read(text) {
    const [number, bits, more] = text.split('/');
    const value = parseWhole(number!, U32_MAX);
    const mask = bits === undefined ? U32_MAX : parseWhole(bits, U32_MAX);
    if (value === undefined || mask === undefined || more !== undefined) return undefined;
    return {
      // A flow of a kernel without marks has none: 0.
      test: (flow) => truth(((Math.max(0, flow.mark) & mask) | 0) === (value | 0)),
      kernel: { mark: { value, mask } },
    };
  },
};

const helperTerm: ValueTerm = {
  name: 'helper',
  value: 'NAME',
  help: 'the helper, such as ftp',
  expected: 'the name of a helper',
  read: (text) => (text === '' ? undefined : { test: (flow) => truth(flow.helper === text) }),
};

const labelTerm: ValueTerm = {
  name: 'label',
  value: 'BIT',
  help: 'the number of a label bit that is set',
  expected: 'the number of a label bit, 0 to 127',
  read(text) {
    const bit = parseWhole(text, 127);
    if (bit === undefined) return undefined;
    return { test: ({ labels = [] }) => truth(((labels[bit >> 5] ?? 0) & (1 << (bit & 31))) !== 0) };
  },
};

/** A flow of which one direction alone is in a zone is in no zone with both. */
function zoneOf({ zone, original, reply }: ListedFlow): number {
  return zone >= 0 ? zone : original.zone < 0 && reply.zone < 0 ? 0 : UNKNOWN;
}

export const VALUE_TERMS: readonly ValueTerm[] = [
  addressTerm('src', 'who began it', AddressAt.SOURCE),
  addressTerm('dst', 'to whom', AddressAt.DESTINATION),
  addressTerm('host', 'src or dst', AddressAt.SOURCE, AddressAt.DESTINATION),
  addressTerm('reply-src', 'who answers: the destination behind dnat', AddressAt.REPLY_SOURCE),
  addressTerm('reply-dst', 'to whom the answers go: the address of snat', AddressAt.REPLY_DESTINATION),
  portTerm('sport', 'source port', ({ original }) => original.sourcePort),
  portTerm('dport', 'destination port', ({ original }) => original.destinationPort),
  portTerm(
    'port',
    'sport or dport',
    ({ original }) => original.sourcePort,
    ({ original }) => original.destinationPort,
  ),
  portTerm('reply-sport', 'source port of the answers', ({ reply }) => reply.sourcePort),
  portTerm('reply-dport', 'destination port of the answers', ({ reply }) => reply.destinationPort),
  protocolTerm,
  stateTerm,
  markTerm,
  numberTerm('zone', 'the zone of both directions', 65_535, zoneOf, (zone) => ({ zone })),
  numberTerm('zone-orig', 'zone of the original direction alone', 65_535, ({ original }) => original.zone),
  numberTerm('zone-reply', 'zone of the reply direction alone', 65_535, ({ reply }) => reply.zone),
  numberTerm('icmp-type', 'type of ICMP or ICMPv6', 255, ({ original }) => original.icmpType),
  numberTerm('icmp-code', 'code of ICMP or ICMPv6', 255, ({ original }) => original.icmpCode),
  numberTerm('icmp-id', 'identifier of ICMP or ICMPv6', 65_535, ({ original }) => original.icmpId),
  numberTerm('id', "the kernel's identifier", U32_MAX, ({ id }) => id),
  helperTerm,
  labelTerm,
  comparedTerm('idle', 'time without a packet, where it is known', 'duration', (flow, { idle }) =>
    idle.secondsOf(flow),
  ),
  comparedTerm('timeout', 'time left', 'duration', ({ timeout }) => timeout),
  comparedTerm(
    'age',
    'time since it began (needs nf_conntrack_timestamp)',
    'duration',
    ({ start }, { now }) => (start < 0 ? start : Math.max(0, now() - start)),
  ),
  comparedTerm('bytes', 'bytes both ways (needs nf_conntrack_acct)', 'quantity', ({ bytes }) => bytes),
  comparedTerm(
    'packets',
    'packets both ways (needs nf_conntrack_acct)',
    'quantity',
    ({ packets }) => packets,
  ),
];

/** Reads the value of a term. @throws WordError */
export function readValue(term: ValueTerm, text: string | undefined): Term {
  const found = text === undefined ? undefined : term.read(text);
  if (found === undefined) throw unexpectedWord(text, `behind \`${term.name}' ${term.expected}`, term.names);
  return found;
}
