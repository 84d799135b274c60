/** Messages of rtnetlink about network interfaces, rtnetlink(7). Parsing only; `interfaces.ts` reads them. */

import { readNativeI32, readNativeU32 } from '../bytes/endian.ts';
import {
  ATTRIBUTE_HEADER,
  align4,
  headerLength,
  headerType,
  MESSAGE_HEADER,
  walkMessages,
} from '../system/netlink.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const IFLA_IFNAME = 3;

const SIZEOF_IFINFOMSG = 16;
const AF_UNSPEC = 0;

/** What the kernel reports about an interface: its `IFF_*` flags, 0 once it has been removed. */
export type InterfaceListener = (name: string, index: number, flags: number) => void;

/**
 * Reads the netlink messages in `bytes[0, length)`, host byte order, and calls the listener for each interface in them.
 * Messages of other types are skipped.
 * @returns false if the rest could not be understood, so that the listener may have missed something
 */
export function readLinkMessages(bytes: Uint8Array, length: number, listener: InterfaceListener): boolean {
  return walkMessages(bytes, length, (type, at, end) => {
    const isLink = type === RTM_NEWLINK || type === RTM_DELLINK;
    return !isLink || readLink(bytes, at, end, type, listener);
  });
}

// struct ifinfomsg: family u8, pad u8, type u16, index i32, flags u32, change u32; then attributes.
function readLink(
  bytes: Uint8Array,
  message: number,
  end: number,
  type: number,
  listener: InterfaceListener,
): boolean {
  const info = message + MESSAGE_HEADER;
  let at = info + SIZEOF_IFINFOMSG;
  if (at > end) return false;
  // Bridges report their ports under AF_BRIDGE; their RTM_DELLINK means that a port left the bridge, not that it is gone.
  if (bytes[info] !== AF_UNSPEC) return true;
  const index = readNativeI32(bytes, info + 4);
  const flags = readNativeU32(bytes, info + 8);
  while (end - at >= ATTRIBUTE_HEADER) {
    const header = readNativeI32(bytes, at);
    const size = headerLength(header);
    if (size < ATTRIBUTE_HEADER || size > end - at) return false;
    if (headerType(header) === IFLA_IFNAME) {
      const name = text(bytes.subarray(at + ATTRIBUTE_HEADER, at + size));
      listener(name, index, type === RTM_DELLINK ? 0 : flags);
      return true;
    }
    at += align4(size);
  }
  return false;
}

function text(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  return new TextDecoder().decode(nul < 0 ? bytes : bytes.subarray(0, nul));
}
