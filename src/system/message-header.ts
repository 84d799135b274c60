/** Where things lie in what sendmsg and recvmsg take, on 64-bit Linux (`bits/socket.h`, `linux/udp.h`). */

import { LITTLE_ENDIAN } from '../bytes/endian.ts';

/** Offsets in `struct msghdr`, in bytes; `struct mmsghdr` begins with one. */
export const NAME = 0;
export const NAMELEN = 8;
export const IOV = 16;
export const IOVLEN = 24;
export const CONTROL = 32;
export const CONTROLLEN = 40;
export const FLAGS = 48;
export const SIZEOF_MSGHDR = 56;
/** `struct iovec`: iov_base 0, iov_len 8. */
export const SIZEOF_IOVEC = 16;
/** `struct cmsghdr`: cmsg_len 0, cmsg_level 8, cmsg_type 12, and the data behind it. */
export const SIZEOF_CMSGHDR = 16;
/** Room for a control message whose data is an int or less. */
export const CONTROL_SIZE = 24;
/** Holds `sockaddr_in`, `sockaddr_in6` and `sockaddr_nl`. */
export const ADDRESS_SIZE = 32;
/** Words from the beginning of a size_t to its low half: lengths fit there, and the other half stays 0. */
export const LOW_HALF: number = LITTLE_ENDIAN ? 0 : 1;

export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;
