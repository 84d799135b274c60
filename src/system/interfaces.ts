/** Network interfaces by name, netdevice(7). */

import { readFileSync } from 'node:fs';
import { LITTLE_ENDIAN } from '../bytes/endian.ts';
import { AF_INET, libc, SOCK_DGRAM } from './libc.ts';
import { bind, check, lastErrno, systemError } from './native.ts';

/** Flags of an interface. */
export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;
export const IFF_RUNNING = 0x40;

const SIOCGIFFLAGS = 0x8913;
const SIOCGIFMTU = 0x8921;
const IFNAMSIZ = 16;
const SIZEOF_IFREQ = 40;

interface Calls {
  ioctl(fd: number, request: number, type: 'uint8_t *', argument: Uint8Array): number;
  nameToIndex(name: string): number;
  indexToName(index: number, name: Uint8Array): unknown;
}

let calls: Calls | undefined;

function bound(): Calls {
  calls ??= {
    ioctl: bind('int ioctl(int, ulong, ...)'),
    nameToIndex: bind('uint32_t if_nametoindex(const char *)'),
    indexToName: bind('void *if_indextoname(uint32_t, uint8_t *)'),
  };
  return calls;
}

/** Index of a network interface. @throws SystemError with ENODEV if there is none of this name */
export function ifNameToIndex(name: string): number {
  const index = bound().nameToIndex(name);
  if (index === 0) throw systemError(`if_nametoindex ${name}`, lastErrno());
  return index;
}

/** @throws SystemError */
export function ifIndexToName(index: number): string {
  const name = new Uint8Array(IFNAMSIZ);
  if (bound().indexToName(index, name) === null) {
    throw systemError(`if_indextoname ${index}`, lastErrno());
  }
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

/** Names given at most, so that they fit into a message. */
const NAMES_MAX = 16;

/**
 * The network interfaces that there are, for messages about one that there is not: the first ones, and none where that cannot be
 * read. Source: /proc/net/dev, proc(5), two lines of heads, then `name: figures`.
 */
export function interfaceNames(): string[] {
  try {
    const lines = readFileSync('/proc/net/dev', 'utf8').split('\n').slice(2);
    const names = lines.map((line) => line.split(':')[0]!.trim());
    return names.filter((name) => name !== '').slice(0, NAMES_MAX);
  } catch {
    return [];
  }
}

/** MTU of a network interface in bytes. @throws SystemError */
export function interfaceMtu(name: string): number {
  return request('SIOCGIFMTU', SIOCGIFMTU, name).getInt32(IFNAMSIZ, LITTLE_ENDIAN);
}

/** `IFF_*` flags of a network interface. @throws SystemError */
export function interfaceFlags(name: string): number {
  return request('SIOCGIFFLAGS', SIOCGIFFLAGS, name).getUint16(IFNAMSIZ, LITTLE_ENDIAN);
}

/** Asks with a `struct ifreq`, and returns it. */
function request(call: string, code: number, name: string): DataView {
  const encoded = new TextEncoder().encode(name);
  if (encoded.length >= IFNAMSIZ) {
    throw new RangeError(`interface name \`${name}' is longer than ${IFNAMSIZ - 1} bytes`);
  }
  const ifreq = new Uint8Array(SIZEOF_IFREQ);
  ifreq.set(encoded);
  const fd = libc().socket(AF_INET, SOCK_DGRAM, 0);
  try {
    check(`${call} ${name}`, bound().ioctl(fd, code, 'uint8_t *', ifreq));
  } finally {
    libc().close(fd);
  }
  return new DataView(ifreq.buffer);
}
