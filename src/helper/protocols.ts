import { ftp } from './ftp.ts';
import type { HelperProtocol } from './protocol.ts';
import { rpcTcp, rpcUdp } from './rpc.ts';
import { tftp } from './tftp.ts';

/** The helpers that can run, each with its own kind of state. */
export const PROTOCOLS: readonly HelperProtocol[] = [ftp, rpcTcp, rpcUdp, tftp].map(
  (protocol) => protocol as HelperProtocol,
);

export function findProtocol(name: string, transport: string): HelperProtocol | undefined {
  return PROTOCOLS.find((protocol) => protocol.name === name && protocol.transport === transport);
}
