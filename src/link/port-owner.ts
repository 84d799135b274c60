/** Which process has a port: what ss(8) shows, from /proc/net and /proc/PID/fd. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

interface Process {
  readonly pid: number;
  /** Its name, `comm`. */
  readonly name: string;
}

export interface PortOwner extends Process {
  /** Its descriptors of sockets that are bound to the port. */
  readonly descriptors: readonly number[];
}

export interface PortOwners {
  readonly owners: readonly PortOwner[];
  /**
   * The processes of this network namespace that may have the port, too: some of its sockets are none of the owners', and whose
   * they are cannot be seen. A process without CAP_SYS_PTRACE sees no descriptors of other users, nor of those that have more
   * capabilities; what /proc/PID/net has it may read.
   */
  readonly suspects: readonly Process[];
}

/** `TCP_LISTEN` of `net/tcp_states.h`, as /proc/net/tcp writes it. */
const LISTENING = '0A';

/**
 * The inodes of the sockets that are bound to a local port; of TCP's, those that listen.
 * @param of the process whose network namespace it is: `self`, or a process id
 */
function inodesOf(protocol: 'udp' | 'tcp', port: number, of: string): ReadonlySet<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found = new Set<string>();
  for (const table of [protocol, `${protocol}6`]) {
    for (const line of linesOf(`/proc/${of}/net/${table}`)) {
      // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode (proc_pid_net(5))
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (!local?.endsWith(suffix) || inode === undefined || inode === '0') continue;
      if (protocol === 'udp' || state === LISTENING) found.add(inode);
    }
  }
  return found;
}

/** The processes that have a port. */
export function portOwners(protocol: 'udp' | 'tcp', port: number): PortOwners {
  const inodes = inodesOf(protocol, port, 'self');
  const unattributed = new Set(inodes);
  const owners: PortOwner[] = [];
  const hidden: string[] = [];
  if (inodes.size === 0) return { owners, suspects: [] };
  for (const pid of entriesOf('/proc') ?? []) {
    if (!/^\d+$/.test(pid)) continue;
    const sockets = socketsOf(pid);
    if (sockets === undefined) {
      hidden.push(pid);
      continue;
    }
    const bound = sockets.filter(({ inode }) => inodes.has(inode));
    if (bound.length === 0) continue;
    for (const { inode } of bound) unattributed.delete(inode);
    owners.push({ pid: Number(pid), name: nameOf(pid), descriptors: bound.map(({ fd }) => fd) });
  }
  const isHere = (pid: string) => [...inodesOf(protocol, port, pid)].some((inode) => unattributed.has(inode));
  const suspects = unattributed.size === 0 ? [] : hidden.filter(isHere);
  return { owners, suspects: suspects.map((pid) => ({ pid: Number(pid), name: nameOf(pid) })) };
}

// Processes end, and descriptors are closed, while they are looked at.

/** The sockets of a process; undefined where this one may not see them: its owner may list the descriptors, not read each. */
function socketsOf(pid: string): { readonly fd: number; readonly inode: string }[] | undefined {
  const sockets: { fd: number; inode: string }[] = [];
  const descriptors = entriesOf(`/proc/${pid}/fd`);
  if (descriptors === undefined) return undefined;
  for (const fd of descriptors) {
    const target = targetOf(`/proc/${pid}/fd/${fd}`);
    if (target === undefined) return undefined;
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined) sockets.push({ fd: Number(fd), inode });
  }
  return sockets;
}

function nameOf(pid: string): string {
  return linesOf(`/proc/${pid}/comm`)[0] ?? '';
}

function linesOf(path: string): string[] {
  return unlessForbidden(() => readFileSync(path, 'latin1').split('\n'), []) ?? [];
}

function entriesOf(path: string): string[] | undefined {
  return unlessForbidden(() => readdirSync(path), []);
}

function targetOf(path: string): string | undefined {
  return unlessForbidden(() => readlinkSync(path), '');
}

/** What `read` returns, undefined where it may not be read, `nothing` where it is not there. */
function unlessForbidden<T>(read: () => T, nothing: T): T | undefined {
  try {
    return read();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? undefined : nothing;
  }
}
