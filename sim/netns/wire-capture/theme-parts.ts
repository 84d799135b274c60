import { ADDRESSES, type ConfigurationOptions, type Lab } from '../lab.ts';
import { openTcpConnection } from '../traffic.ts';

export const noTrack = (
  options: readonly string[] = [],
  mode: readonly string[] = [],
): ConfigurationOptions => ({
  mode: 'NOTRACK',
  inMode: mode,
  ...(options.length === 0 ? {} : { inOptions: options }),
});

export const V4 = `-s ${ADDRESSES.client.v4} -d ${ADDRESSES.server.v4}`;
export const V6 = `-s ${ADDRESSES.client.v6} -d ${ADDRESSES.server.v6}`;
/** Both families with the addresses for `conntrack`. */
export const BOTH = [
  ['4', V4],
  ['6', V6],
] as const;

let nextPort = 20_000;

/** A port that no earlier step has used. */
export function freshPort(): number {
  return nextPort++;
}

/** Opens a connection, exchanges a line and closes it: from the firewall itself, or from the client behind it. */
export async function connectOnce(
  lab: Lab,
  from: 'firewall' | 'client',
  family: 4 | 6,
  port: number,
): Promise<void> {
  const opened = await openTcpConnection({
    client: from === 'firewall' ? lab.a.namespace : lab.client,
    server: lab.server,
    address: ADDRESSES.server[`v${family}`],
    port,
    localPort: freshPort(),
  });
  await opened.exchange();
  await opened.close();
}
