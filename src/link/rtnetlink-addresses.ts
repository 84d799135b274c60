/** Messages of rtnetlink about addresses of interfaces, rtnetlink(7). Parsing only; `addresses.ts` reads them. */

import { readNativeU32 } from '../bytes/endian.ts';
import {
  ATTRIBUTE_HEADER,
  align4,
  headerLength,
  headerType,
  MESSAGE_HEADER,
  messageErrno,
  NLMSG_DONE,
  NLMSG_ERROR,
  walkMessages,
} from '../system/netlink.ts';

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

/** `struct ifaddrmsg`: family u8, prefix length u8, flags u8, scope u8, index u32; then attributes. */
export const SIZEOF_IFADDRMSG = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
/** Without a lifetime: not from DHCP or a router advertisement. */
const IFA_F_PERMANENT = 0x80;

/** An address of an interface, as a message gives it. */
export interface AddressMessage {
  readonly isRemoved: boolean;
  readonly interfaceIndex: number;
  /** The machine's own end, 4 or 16 bytes in network byte order; a copy. */
  readonly address: Uint8Array;
  /** False for an address with a lifetime, such as one of DHCP. */
  readonly isPermanent: boolean;
}

/** What the end of a dump looks like, or why it failed: positive errno, 0 where it came to its end. */
export type EndListener = (errno: number) => void;

/**
 * Reads the netlink messages in `bytes[0, length)`, host byte order, and calls `listener` for each address in them, `ended` for
 * the end of a dump. Messages of other types are skipped.
 * @returns false if the rest could not be understood, so that the listener may have missed something
 */
export function readAddressMessages(
  bytes: Uint8Array,
  length: number,
  listener: (message: AddressMessage) => void,
  ended: EndListener = () => {},
): boolean {
  return walkMessages(bytes, length, (type, at, end) => {
    if (type === RTM_NEWADDR || type === RTM_DELADDR) {
      const message = readAddress(bytes, at + MESSAGE_HEADER, end, type === RTM_DELADDR);
      if (message === undefined) return false;
      listener(message);
    } else if (type === NLMSG_DONE || type === NLMSG_ERROR) {
      ended(messageErrno(bytes, at));
    }
    return true;
  });
}

function readAddress(
  bytes: Uint8Array,
  info: number,
  end: number,
  isRemoved: boolean,
): AddressMessage | undefined {
  let at = info + SIZEOF_IFADDRMSG;
  if (at > end) return undefined;
  let flags = bytes[info + 2]!;
  let address: Uint8Array | undefined;
  let local: Uint8Array | undefined;
  while (end - at >= ATTRIBUTE_HEADER) {
    const header = readNativeU32(bytes, at);
    const size = headerLength(header);
    if (size < ATTRIBUTE_HEADER || size > end - at) return undefined;
    const value = bytes.subarray(at + ATTRIBUTE_HEADER, at + size);
    const type = headerType(header);
    if (type === IFA_ADDRESS) address = value;
    else if (type === IFA_LOCAL) local = value;
    else if (type === IFA_FLAGS && value.length >= 4) flags = readNativeU32(value, 0);
    at += align4(size);
  }
  // On a point-to-point interface IFA_ADDRESS is the other end's.
  const own = local ?? address;
  if (own === undefined || (own.length !== 4 && own.length !== 16)) return undefined;
  return {
    isRemoved,
    interfaceIndex: readNativeU32(bytes, info + 4),
    address: new Uint8Array(own),
    isPermanent: (flags & IFA_F_PERMANENT) !== 0,
  };
}
