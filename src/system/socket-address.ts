/** Addresses of sockets as the kernel takes them, `struct sockaddr_*`, where no resolver and no text is concerned. */

import { readNativeU32, writeNativeU16, writeNativeU32 } from '../bytes/endian.ts';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;

/** Bytes of a path in `sockaddr_un`, without its NUL. */
const SUN_PATH_MAX = 107;
const SIZEOF_SOCKADDR_NL = 12;

/**
 * `struct sockaddr_un`, unix(7). A path that begins with `@` is an abstract name, as long as the address's length; a path
 * ends in NUL.
 * @throws RangeError if the path has not 1 to 107 bytes
 */
export function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  if (name.length === 0 || name.length > SUN_PATH_MAX) {
    throw new RangeError(`the path of a UNIX socket has 1 to ${SUN_PATH_MAX} bytes: \`${path}'`);
  }
  const isAbstract = path.startsWith('@');
  const address = new Uint8Array(2 + name.length + (isAbstract ? 0 : 1));
  writeNativeU16(address, 0, AF_UNIX);
  address.set(name, 2);
  if (isAbstract) address[2] = 0;
  return address;
}

/** `struct sockaddr_nl`, netlink(7): a port (0: the kernel, or any) and groups (bits). */
export function netlinkAddress(port: number, groups: number): Uint8Array {
  const address = new Uint8Array(SIZEOF_SOCKADDR_NL);
  writeNativeU16(address, 0, AF_NETLINK);
  writeNativeU32(address, 4, port);
  writeNativeU32(address, 8, groups);
  return address;
}

export function netlinkAddressPort(address: Uint8Array): number {
  return readNativeU32(address, 4);
}
