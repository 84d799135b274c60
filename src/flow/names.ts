import { DCCP_STATES, Protocol, SCTP_STATES, TCP_STATES } from './protocol.ts';

/** Names as libnetfilter_conntrack prints them. */
const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [Protocol.TCP, 'tcp'],
  [Protocol.UDP, 'udp'],
  [Protocol.UDPLITE, 'udplite'],
  [Protocol.ICMP, 'icmp'],
  [Protocol.ICMPV6, 'icmpv6'],
  [Protocol.SCTP, 'sctp'],
  [Protocol.GRE, 'gre'],
  [Protocol.DCCP, 'dccp'],
] as const);

/** Name of a layer 4 protocol, `unknown` for those that conntrack's listings do not name. */
export function protocolName(protocol: number): string {
  return PROTOCOL_NAMES.get(protocol) ?? 'unknown';
}

/** Name of a state; a number that has none counts as 0, as in conntrack's listings. */
function nameIn(states: readonly string[], state: number): string {
  return states[state] ?? states[0]!;
}

export function tcpStateName(state: number): string {
  return nameIn(TCP_STATES, state);
}

export function sctpStateName(state: number): string {
  return nameIn(SCTP_STATES, state);
}

export function dccpStateName(state: number): string {
  return nameIn(DCCP_STATES, state);
}

/**
 * A name from the wire, safe in a line of text: a byte that is no visible ASCII becomes `?`. The kernel's own helper
 * and function names have none; a forged one could otherwise start a line of its own.
 */
export function visible(name: string): string {
  for (let n = 0; n < name.length; n++) {
    const code = name.charCodeAt(n);
    if (code <= 0x20 || code >= 0x7f) return mask(name);
  }
  return name;
}

function mask(name: string): string {
  let text = '';
  for (let n = 0; n < name.length; n++) {
    const code = name.charCodeAt(n);
    text += code <= 0x20 || code >= 0x7f ? '?' : name[n];
  }
  return text;
}
