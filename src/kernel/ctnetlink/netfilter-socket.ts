import { AF_NETLINK, type Libc, SOCK_RAW } from '../../system/libc.ts';
import { netlinkAddress } from '../../system/socket-address.ts';
import { NETLINK_NETFILTER } from '../codec/ctnetlink-numbers.ts';
import { explain } from './kernel-errors.ts';

/** How long to wait for the kernel's answer before giving up, in milliseconds. */
export const ANSWER_TIMEOUT = 5_000;

export const KERNEL = netlinkAddress(0, 0);

/**
 * Opens a netfilter netlink socket with its own port, in the given multicast groups (bits). Calls `prepare`
 * before bind.
 * @throws KernelError
 */
export function openNetfilterSocket(system: Libc, groups: number, prepare: (fd: number) => void): number {
  let fd = -1;
  try {
    fd = system.socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    prepare(fd);
    system.bind(fd, netlinkAddress(0, groups));
    return fd;
  } catch (error) {
    if (fd >= 0) system.close(fd);
    throw explain(error);
  }
}
