import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * The address of `interface` that datagrams to `address` are sent from.
 * @throws RangeError if `address` is not an address, if the interface has no address of that family, and if the address is
 * not loopback unless `foreign` permits it
 */
export function sourceFor(address: string, device: string, foreign: boolean): string {
  const version = isIP(address);
  if (version === 0) throw new RangeError(`--address ${address}: no address; a name could mean anybody`);
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (!foreign && !LOOPBACK.check(address, family)) {
    throw new RangeError(
      `--address ${address}: not loopback. Hostile datagrams are sent to nodes of one's own only; if it is one, say --allow-foreign-target`,
    );
  }
  const wanted = version === 4 ? 'IPv4' : 'IPv6';
  const own = networkInterfaces()[device]?.find((one) => one.family === wanted);
  if (own === undefined)
    throw new RangeError(`--interface ${device}: no such interface with an ${wanted} address`);
  return own.address;
}
