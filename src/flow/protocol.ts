/** Layer 4 protocol numbers (IANA) that conntrack knows by name. */
export const Protocol = {
  ICMP: 1,
  IGMP: 2,
  TCP: 6,
  UDP: 17,
  DCCP: 33,
  GRE: 47,
  ICMPV6: 58,
  SCTP: 132,
  UDPLITE: 136,
} as const;

/** True for the protocols whose ports the C node puts on the wire. */
export function sendsPorts(protocol: number): boolean {
  return (
    protocol === Protocol.TCP ||
    protocol === Protocol.UDP ||
    protocol === Protocol.SCTP ||
    protocol === Protocol.DCCP
  );
}

export type IcmpProtocol = typeof Protocol.ICMP | typeof Protocol.ICMPV6;

export function isIcmp(protocol: number): protocol is IcmpProtocol {
  return protocol === Protocol.ICMP || protocol === Protocol.ICMPV6;
}

/** TCP states by the kernel's number (`enum tcp_conntrack`). */
export const TCP_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;

/** SCTP states by the kernel's number (`enum sctp_conntrack`). */
export const SCTP_STATES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
  'HEARTBEAT_ACKED',
] as const;

/** DCCP states by the kernel's number (`enum ct_dccp_states`). */
export const DCCP_STATES = [
  'NONE',
  'REQUEST',
  'RESPOND',
  'PARTOPEN',
  'OPEN',
  'CLOSEREQ',
  'CLOSING',
  'TIMEWAIT',
  'IGNORE',
  'INVALID',
] as const;
