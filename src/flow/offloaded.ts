import { Protocol } from './protocol.ts';

/**
 * Flows that a flow table forwards (nft's `flow add`, IPS_OFFLOAD). While one is there, the kernel's messages about it have
 * neither timeout nor protocol state (`ctnetlink_dump_info`): packets pass both by, and the kernel keeps the flow alive. Of TCP
 * only established flows come into a flow table (`nft_flow_offload_eval`).
 */

/** TCP_CONNTRACK_ESTABLISHED. */
export const TCP_ESTABLISHED = 3;

/** Seconds that a flow lives without a packet. */
export interface ProtocolTimeouts {
  /** An established connection: `nf_conntrack_tcp_timeout_established`. */
  readonly tcpEstablished: number;
  /** A stream that was answered: `nf_conntrack_udp_timeout_stream`. */
  readonly udpStream: number;
}

/** The kernel's defaults. */
export const DEFAULT_TIMEOUTS: ProtocolTimeouts = { tcpEstablished: 432_000, udpStream: 120 };

/** The timeout in seconds that a flow of this protocol has when it leaves the flow table. */
export function offloadedTimeout(protocol: number, timeouts: ProtocolTimeouts): number {
  return protocol === Protocol.TCP ? timeouts.tcpEstablished : timeouts.udpStream;
}
