import type { Flow, Translation } from './flow.ts';
import { type IcmpProtocol, isIcmp, Protocol } from './protocol.ts';
import type { Icmp, Tuple } from './tuple.ts';

/** ICMP queries and their answers (kernel: `nf_conntrack_proto_icmp.c`, `invmap`), each pair both ways. */
const ICMP_ANSWERS: readonly (readonly [number, number])[] = [
  [8, 0],
  [13, 14],
  [15, 16],
  [17, 18],
];

/** The same for ICMPv6 (`nf_conntrack_proto_icmpv6.c`): echo, node information. */
const ICMPV6_ANSWERS: readonly (readonly [number, number])[] = [
  [128, 129],
  [139, 140],
];

/**
 * What {@link icmpReplyType} gives a type that has no reply. libnetfilter_conntrack gives the same number, and the kernel
 * refuses a tuple with it (EINVAL).
 */
export const NO_ICMP_REPLY = 255;

function answers(pairs: readonly (readonly [number, number])[]): Uint8Array {
  const table = new Uint8Array(256).fill(NO_ICMP_REPLY);
  for (const [query, answer] of pairs) {
    table[query] = answer;
    table[answer] = query;
  }
  return table;
}

const ICMP_REPLY = answers(ICMP_ANSWERS);
const ICMPV6_REPLY = answers(ICMPV6_ANSWERS);

/** The type that replies to the ICMP or ICMPv6 type `type` (u8), or {@link NO_ICMP_REPLY}. */
export function icmpReplyType(protocol: IcmpProtocol, type: number): number {
  return (protocol === Protocol.ICMP ? ICMP_REPLY : ICMPV6_REPLY)[type & 0xff]!;
}

function icmpReply(protocol: number, icmp: Partial<Icmp>): Icmp {
  const { type = 0, code = 0, id = 0 } = icmp;
  // A record may give ICMP's fields to a flow of another protocol: they read as ICMPv6's.
  return { type: icmpReplyType(isIcmp(protocol) ? protocol : Protocol.ICMPV6, type), code, id };
}

/**
 * The tuple of replies to `original`: its ends exchanged, each with the address and port that it was translated to.
 *
 * An ICMP flow keeps its identifier: the C node writes something else into the port attributes of such flows (its
 * library reads type and code as a port), so they do not hold the identifier.
 */
export function replyOf(original: Tuple, sourceNat?: Translation, destinationNat?: Translation): Tuple {
  const { family, protocol, ports, icmp } = original;
  const source = destinationNat?.address ?? original.destination;
  const destination = sourceNat?.address ?? original.source;
  if (ports !== undefined) {
    return {
      family,
      source,
      destination,
      protocol,
      ports: {
        source: destinationNat?.port ?? ports.destination,
        destination: sourceNat?.port ?? ports.source,
      },
    };
  }
  if (icmp !== undefined) return { family, source, destination, protocol, icmp: icmpReply(protocol, icmp) };
  return { family, source, destination, protocol };
}

/** The flow's reply tuple: its own, or else the one derived from its original tuple and its translations. */
export function knownReply(flow: Flow): Tuple {
  return flow.reply ?? replyOf(flow.original, flow.sourceNat, flow.destinationNat);
}

/**
 * The flow with its reply tuple: what was on the wire has none, and a listing of the internal cache shows one. It is a
 * copy, and costs as much as a few lines of text.
 */
export function withReply(flow: Flow): Flow {
  return flow.reply === undefined ? { ...flow, reply: knownReply(flow) } : flow;
}
