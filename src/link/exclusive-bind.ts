import { Errno } from '../system/errno.ts';
import { type Libc, SO_REUSEADDR, SOL_SOCKET } from '../system/libc.ts';
import { SystemError } from '../system/system-error.ts';
import { portOwners } from './port-owner.ts';

/** The name of a node's process, C's and ours alike. */
const NODE_NAME = 'conntrackd';

/** True for a process that is another node. */
export function isOtherNode({ pid, name }: { readonly pid: number; readonly name: string }): boolean {
  return pid !== process.pid && name === NODE_NAME;
}

/**
 * Binds a datagram socket so that no other node can bind what overlaps with it, and fails if another node has done so before,
 * whether that is C's or ours: two nodes on one link would each get a part of what the peer sends. C shares the address
 * (SO_REUSEADDR), and so do we with programs that are no nodes, and among the links of this process.
 *
 * The kernel decides, so there is no race: sockets share an address only if both have SO_REUSEADDR at the moment of bind(2)
 * (Linux, udp_lib_lport_inuse).
 * @throws SystemError with EADDRINUSE where the address is another node's
 */
export function bindExclusively(libc: Libc, fd: number, address: Uint8Array, port: number): void {
  try {
    libc.bind(fd, address);
    return;
  } catch (error) {
    if (!(error instanceof SystemError) || error.errno !== Errno.EADDRINUSE) throw error;
    const { owners, suspects } = portOwners('udp', port);
    if ([...owners, ...suspects].some(isOtherNode)) throw error;
    const own = owners.find(({ pid }) => pid === process.pid)?.descriptors ?? [];
    const share = (sockets: readonly number[], value: 0 | 1): void => {
      for (const one of sockets) libc.setsockoptInt(one, SOL_SOCKET, SO_REUSEADDR, value);
    };
    share([...own, fd], 1);
    try {
      libc.bind(fd, address);
    } finally {
      share(own, 0);
    }
    // With a stranger at the port it has to stay shared, for the stranger's next start.
    if (suspects.length === 0 && owners.every(({ pid }) => pid === process.pid)) share([fd], 0);
  }
}
