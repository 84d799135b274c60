/** Sockets on the loopback interface. */

import { socketAddress } from '../../src/link/socket-address.ts';
import { libc } from '../../src/system/libc.ts';

/** `struct sockaddr_in` of 127.0.0.1. @param port 0 for one that the kernel chooses */
export const loopback = (port: number): Uint8Array => socketAddress(4, '127.0.0.1', port, 0);

/** The port that an IPv4 socket is bound to. */
export const portOf = (fd: number): number => new DataView(libc().getsockname(fd).buffer).getUint16(2);
