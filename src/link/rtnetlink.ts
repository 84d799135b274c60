/** Messages of rtnetlink about network interfaces, rtnetlink(7). Parsing only; `interfaces.ts` reads them. */

import { LITTLE_ENDIAN } from '../bytes/endian.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
const IFLA_IFNAME = 3;

const SIZEOF_NLMSGHDR = 16;
const SIZEOF_IFINFOMSG = 16;
const SIZEOF_RTATTR = 4;
const AF_UNSPEC = 0;

/** What the kernel tells about an interface: its `IFF_*` flags, 0 once it has been removed. */
export type InterfaceListener = (name: string, index: number, flags: number) => void;

/**
 * Reads the netlink messages in `bytes[0, length)`, host byte order, and tells the listener of each interface in them.
 * Messages of other types are passed over.
 * @returns false if the rest could not be understood, so that the listener may have missed something
 */
export function readLinkMessages(bytes: Uint8Array, length: number, listener: InterfaceListener): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let at = 0;
  while (at + SIZEOF_NLMSGHDR <= length) {
    const size = view.getUint32(at, LITTLE_ENDIAN);
    const type = view.getUint16(at + 4, LITTLE_ENDIAN);
    if (size < SIZEOF_NLMSGHDR || size > length - at) return false;
    if ((type === RTM_NEWLINK || type === RTM_DELLINK) && !readLink(view, at, at + size, type, listener)) {
      return false;
    }
    at += (size + 3) & ~3;
  }
  return at >= length;
}

// struct ifinfomsg: family u8, pad u8, type u16, index i32, flags u32, change u32; then attributes.
function readLink(
  view: DataView,
  message: number,
  end: number,
  type: number,
  listener: InterfaceListener,
): boolean {
  const info = message + SIZEOF_NLMSGHDR;
  let at = info + SIZEOF_IFINFOMSG;
  if (at > end) return false;
  // Bridges tell of their ports under AF_BRIDGE, and their RTM_DELLINK means that a port left, not that it is gone.
  if (view.getUint8(info) !== AF_UNSPEC) return true;
  const index = view.getInt32(info + 4, LITTLE_ENDIAN);
  const flags = view.getUint32(info + 8, LITTLE_ENDIAN);
  while (at + SIZEOF_RTATTR <= end) {
    const size = view.getUint16(at, LITTLE_ENDIAN);
    if (size < SIZEOF_RTATTR || size > end - at) return false;
    if (view.getUint16(at + 2, LITTLE_ENDIAN) === IFLA_IFNAME) {
      listener(text(view, at + SIZEOF_RTATTR, at + size), index, type === RTM_DELLINK ? 0 : flags);
      return true;
    }
    at += (size + 3) & ~3;
  }
  return false;
}

function text(view: DataView, start: number, end: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + start, end - start);
  const nul = bytes.indexOf(0);
  return new TextDecoder().decode(nul < 0 ? bytes : bytes.subarray(0, nul));
}
