/** Which process has a port: what ss(8) shows, from /proc/net and /proc/PID/fd. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface PortOwner {
  readonly pid: number;
  /** Its name, `comm`. */
  readonly name: string;
  /** Its descriptors of sockets that are bound to the port. */
  readonly descriptors: readonly number[];
}

/** `TCP_LISTEN` of `net/tcp_states.h`, as /proc/net/tcp writes it. */
const LISTENING = '0A';

/** The inodes of the sockets in this network namespace that are bound to a local port; of TCP's, those that listen. */
function inodesOf(protocol: 'udp' | 'tcp', port: number): ReadonlySet<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found = new Set<string>();
  for (const table of [protocol, `${protocol}6`]) {
    for (const line of readLines(`/proc/net/${table}`)) {
      // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode (proc_pid_net(5))
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (!local?.endsWith(suffix) || inode === undefined || inode === '0') continue;
      if (protocol === 'udp' || state === LISTENING) found.add(inode);
    }
  }
  return found;
}

/** The processes that have a port, as far as this process may see them. */
export function portOwners(protocol: 'udp' | 'tcp', port: number): PortOwner[] {
  const inodes = inodesOf(protocol, port);
  if (inodes.size === 0) return [];
  return list('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      const descriptors = list(`/proc/${entry}/fd`).filter((fd) => {
        const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${entry}/fd/${fd}`))?.[1];
        return inode !== undefined && inodes.has(inode);
      });
      if (descriptors.length === 0) return [];
      const name = readLines(`/proc/${entry}/comm`)[0] ?? '';
      return [{ pid: Number(entry), name, descriptors: descriptors.map(Number) }];
    });
}

// Processes end, and descriptors are closed, while they are looked at.

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n');
  } catch {
    return [];
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
