import { Errno } from '../../system/errno.ts';
import { SystemError } from '../../system/system-error.ts';
import { KernelError } from '../kernel.ts';

/**
 * Converts the error of a ctnetlink system call to a KernelError that advises what to do, where that is known.
 */
export function explain(error: unknown): Error {
  if (!(error instanceof SystemError)) return error instanceof Error ? error : new Error(String(error));
  const { errno } = error;
  if (errno === Errno.EPERM || errno === Errno.EACCES) {
    return new KernelError(`${error.message}: needs CAP_NET_ADMIN (run as root)`, errno);
  }
  if (errno === Errno.EPROTONOSUPPORT) {
    return new KernelError(
      `${error.message}: the kernel has no netfilter netlink (load nf_conntrack_netlink, or build it: CONFIG_NF_CT_NETLINK)`,
      errno,
    );
  }
  return new KernelError(error.message, errno);
}
