import { Bpf, BpfProgram, DROP, KEEP, type Label } from '../../system/packet/bpf-program.ts';
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPES_VLAN,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_FRAGMENT_BITS,
  IPV6_AUTHENTICATION,
  IPV6_DESTINATION,
  IPV6_FRAGMENT,
  IPV6_HOP_BY_HOP,
  IPV6_MOBILITY,
  IPV6_ROUTING,
} from './protocol-numbers.ts';

/** SKF_AD_OFF + SKF_AD_PROTOCOL and + SKF_AD_PKTTYPE of `linux/filter.h`: loads of what the kernel knows beside the bytes. */
const ETHERTYPE = 0xfffff000;
const PACKET_TYPE = 0xfffff004;
/** `linux/if_packet.h`. */
const PACKET_OUTGOING = 4;

/** What stands between an IPv6 header and its transport's. */
const IPV6_EXTENSIONS = [
  IPV6_HOP_BY_HOP,
  IPV6_ROUTING,
  IPV6_FRAGMENT,
  IPV6_AUTHENTICATION,
  IPV6_DESTINATION,
  IPV6_MOBILITY,
];
const TRANSPORTS = [IPPROTO_TCP, IPPROTO_UDP];

/** Offsets in an IPv4 header, and in an IPv6 header with the transport's behind it. */
const IPV4_FRAGMENT_AT = 6;
const IPV4_PROTOCOL_AT = 9;
const IPV6_NEXT_HEADER_AT = 6;
const IPV6_TRANSPORT_AT = 40;
const DESTINATION_PORT_AT = 2;

export interface LiveFilter {
  /** Packets from or to this port alone; undefined: all of UDP and TCP. */
  readonly port: number | undefined;
  /** What goes out on a loopback interface comes in on it again. */
  readonly isLoopback: boolean;
}

/**
 * Compiles the program that spares the command `decode` packets that it would skip, for a packet socket that sees packets from
 * their network header on. It passes fragments, and what has a VLAN tag or IPv6's extension headers, whatever their port.
 */
export function compileLiveFilter({ port, isLoopback }: LiveFilter): Uint8Array {
  const program = new BpfProgram();
  const drop = program.put(Bpf.RETURN, DROP);
  const keep = program.put(Bpf.RETURN, KEEP);

  const otherwise = program.testAny(IPV6_EXTENSIONS, keep, drop);
  program.testAny(TRANSPORTS, ipv6Ports(program, port, keep, drop), otherwise);
  const ipv6 = program.put(Bpf.LOAD_BYTE, IPV6_NEXT_HEADER_AT);

  program.testAny(TRANSPORTS, ipv4Ports(program, port, keep, drop), drop);
  const ipv4 = program.put(Bpf.LOAD_BYTE, IPV4_PROTOCOL_AT);

  let entry = program.testAny(ETHERTYPES_VLAN, keep, drop);
  entry = program.test(ETHERTYPE_IPV6, ipv6, entry);
  program.test(ETHERTYPE_IPV4, ipv4, entry);
  const wanted = program.put(Bpf.LOAD_WORD, ETHERTYPE);
  if (isLoopback) {
    program.test(PACKET_OUTGOING, drop, wanted);
    program.put(Bpf.LOAD_WORD, PACKET_TYPE);
  }
  return program.bytes();
}

function ipv6Ports(program: BpfProgram, port: number | undefined, keep: Label, drop: Label): Label {
  if (port === undefined) return keep;
  program.test(port, keep, drop);
  const destination = program.put(Bpf.LOAD_HALF, IPV6_TRANSPORT_AT + DESTINATION_PORT_AT);
  program.test(port, keep, destination);
  return program.put(Bpf.LOAD_HALF, IPV6_TRANSPORT_AT);
}

function ipv4Ports(program: BpfProgram, port: number | undefined, keep: Label, drop: Label): Label {
  if (port === undefined) return keep;
  program.test(port, keep, drop);
  const destination = program.put(Bpf.LOAD_HALF_BEHIND_X, DESTINATION_PORT_AT);
  program.test(port, keep, destination);
  program.put(Bpf.LOAD_HALF_BEHIND_X, 0);
  const whole = program.put(Bpf.LOAD_X_IPV4_HEADER, 0);
  program.test(0, whole, keep);
  program.put(Bpf.AND, IPV4_FRAGMENT_BITS);
  return program.put(Bpf.LOAD_HALF, IPV4_FRAGMENT_AT);
}
