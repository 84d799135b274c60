/** The C structures that addresses travel in between this program and the kernel. */

import { LITTLE_ENDIAN } from '../bytes/endian.ts';
import type { Family } from '../flow/address.ts';
import { parseAddress } from '../flow/parse-address.ts';
import { AF_INET, AF_INET6 } from '../system/libc.ts';

/**
 * `struct sockaddr_in` (16 bytes) or `sockaddr_in6` (28 bytes).
 * @param interfaceIndex counts for link-local IPv6 addresses; the kernel passes it over otherwise
 * @throws RangeError if the text is no address of this family
 */
export function socketAddress(
  family: Family,
  address: string,
  port: number,
  interfaceIndex: number,
): Uint8Array {
  const bytes = addressOf(family, address);
  const sockaddr = new Uint8Array(family === 4 ? 16 : 28);
  const view = new DataView(sockaddr.buffer);
  view.setUint16(0, family === 4 ? AF_INET : AF_INET6, LITTLE_ENDIAN);
  view.setUint16(2, port);
  if (family === 4) {
    sockaddr.set(bytes, 4);
  } else {
    sockaddr.set(bytes, 8);
    view.setUint32(24, interfaceIndex, LITTLE_ENDIAN);
  }
  return sockaddr;
}

/**
 * `struct ip_mreqn`: a group, and the interface by its own address or, where that is undefined, by its index. For
 * IP_ADD_MEMBERSHIP and IP_MULTICAST_IF, ip(7).
 */
export function groupRequest4(group: string, ownAddress: string | undefined, index: number): Uint8Array {
  const request = new Uint8Array(12);
  request.set(addressOf(4, group));
  if (ownAddress !== undefined) request.set(addressOf(4, ownAddress), 4);
  else new DataView(request.buffer).setInt32(8, index, LITTLE_ENDIAN);
  return request;
}

/** `struct ipv6_mreq`, for IPV6_ADD_MEMBERSHIP, ipv6(7). */
export function groupRequest6(group: string, index: number): Uint8Array {
  const request = new Uint8Array(20);
  request.set(addressOf(6, group));
  new DataView(request.buffer).setInt32(16, index, LITTLE_ENDIAN);
  return request;
}

function addressOf(family: Family, text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes.length !== (family === 4 ? 4 : 16))
    throw new RangeError(`not an IPv${family} address: \`${text}'`);
  return bytes;
}
