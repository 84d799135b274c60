import { Errno } from '../../system/errno.ts';
import { KernelError } from '../kernel.ts';
import {
  type HelperChange,
  type HelperKey,
  type KernelHelper,
  putChangeHelper,
  putCreateHelper,
  putDeleteHelper,
  putDumpHelpers,
  readHelper,
} from './helper-messages.ts';
import { type NetfilterRequests, NoHelpersError, refused } from './requests.ts';

/**
 * The helpers in user space that the kernel knows. They belong to the whole machine: a helper of one network namespace
 * serves the flows of all, while each namespace has packet queues of its own. Needs CAP_NET_ADMIN of the machine, not of
 * a user namespace. The kernel keeps helpers when who made them is gone.
 */
export class UserspaceHelpers {
  private readonly requests: NetfilterRequests;

  constructor(requests: NetfilterRequests) {
    this.requests = requests;
  }

  /** All helpers. @throws KernelError that says what the kernel lacks */
  list(): KernelHelper[] {
    const found: KernelHelper[] = [];
    const errno = this.requests.request(putDumpHelpers, (bytes, start, end) => {
      const helper = readHelper(bytes, start, end);
      if (helper !== undefined) found.push(helper);
    });
    if (errno !== 0) throw explainHelpers('user-space helpers', errno);
    return found;
  }

  /** @throws KernelError, with EBUSY where the kernel has a helper of its own with this name */
  create(helper: KernelHelper): void {
    const errno = this.requests.request((to, sequence) => putCreateHelper(to, sequence, helper));
    if (errno === Errno.EBUSY) {
      throw new KernelError(
        `${describeHelper(helper)}: the kernel has one of its own with that name: unload it (modprobe -r nf_conntrack_${helper.name}) or remove the Type from the Helper clause`,
        errno,
      );
    }
    if (errno !== 0) throw explainHelpers(describeHelper(helper), errno);
  }

  /** @throws KernelError, with EBUSY where other policies are there, or another number of them */
  change(key: HelperKey, change: HelperChange): void {
    const errno = this.requests.request((to, sequence) => putChangeHelper(to, sequence, key, change));
    if (errno !== 0) throw explainHelpers(describeHelper(key), errno);
  }

  /** @returns false while a rule or a flow uses it, or if it is gone already @throws KernelError */
  delete(key: HelperKey): boolean {
    const errno = this.requests.request((to, sequence) => putDeleteHelper(to, sequence, key));
    if (errno === Errno.EBUSY || errno === Errno.ENOENT) return false;
    if (errno !== 0) throw explainHelpers(describeHelper(key), errno);
    return true;
  }
}

/** As in the configuration: `helper ftp inet tcp`. */
export function describeHelper({ name, family, transport }: HelperKey): string {
  return `helper ${name} ${family === 4 ? 'inet' : 'inet6'} ${transport}`;
}

export function isSameHelper(one: HelperKey, other: HelperKey): boolean {
  return one.name === other.name && one.family === other.family && one.transport === other.transport;
}

function explainHelpers(what: string, errno: number): KernelError {
  if (errno === Errno.EPERM) {
    return new KernelError(
      `${what}: needs CAP_NET_ADMIN outside of containers with users of their own (run as root)`,
      errno,
    );
  }
  // nfnetlink answers so for a subsystem that it does not know and cannot load.
  if (errno === Errno.EINVAL || errno === Errno.EOPNOTSUPP) {
    return new NoHelpersError(
      `${what}: the kernel has no helpers in user space (load nfnetlink_cthelper, or build it: CONFIG_NF_CT_NETLINK_HELPER)`,
      errno,
    );
  }
  return refused(what, errno);
}
