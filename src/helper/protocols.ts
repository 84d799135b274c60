import { amanda } from './amanda.ts';
import { dhcpv6 } from './dhcpv6.ts';
import { ftp } from './ftp.ts';
import { mdns, slp } from './multicast-query.ts';
import type { HelperProtocol } from './protocol.ts';
import { rpcTcp, rpcUdp } from './rpc.ts';
import { sane } from './sane.ts';
import { ssdpTcp, ssdpUdp } from './ssdp.ts';
import { tftp } from './tftp.ts';
import { tns } from './tns.ts';

/** The helpers that conntrackd brings, each with its own kind of state. */
export const PROTOCOLS: readonly HelperProtocol[] = [
  amanda,
  dhcpv6,
  ftp,
  mdns,
  rpcTcp,
  rpcUdp,
  sane,
  slp,
  ssdpTcp,
  ssdpUdp,
  tftp,
  tns,
].map((protocol) => protocol as HelperProtocol);

/** @param transport `tcp` or `udp` */
export function findProtocol(name: string, transport: string): HelperProtocol | undefined {
  return PROTOCOLS.find((protocol) => protocol.name === name && protocol.transport === transport);
}
