/** The process itself: Node, koffi, privileges, other nodes on this machine, the clock. */

import { printable } from '../../config/error.ts';
import { memoryNeed, memoryTrouble } from '../../config/memory-need.ts';
import type { Facts } from '../../facts/facts.ts';
import { type Finding, ok, problem, unseen, warning } from '../finding.ts';

/** The oldest Node that is supported, `engines` of the package. */
const OLDEST_NODE = 20;

export function checkNode({ node }: Facts): Finding[] {
  const check = 'Node';
  if (Number.parseInt(node, 10) >= OLDEST_NODE) return [ok(check, node)];
  return [problem(check, `version ${node}`, `install Node ${OLDEST_NODE} or newer`)];
}

export function checkNative({ nativeTrouble }: Facts): Finding[] {
  const check = 'system calls';
  if (nativeTrouble === undefined) return [ok(check, 'koffi is loaded')];
  return [problem(check, nativeTrouble, 'reinstall the package on this machine, on 64-bit Linux')];
}

export function checkPrivileges({ privileges: { root, netAdmin } }: Facts): Finding[] {
  const check = 'privileges';
  if (netAdmin) return [ok(check, root ? 'root, with CAP_NET_ADMIN' : 'CAP_NET_ADMIN')];
  const advice = 'run it as root; the daemon needs CAP_NET_ADMIN';
  if (netAdmin === undefined) return [unseen(check, 'the capabilities of this process are unknown', advice)];
  // Root without it, as in a container, is how the daemon would run too; another user only asks.
  if (root) return [problem(check, 'root, but without CAP_NET_ADMIN', 'give the container CAP_NET_ADMIN')];
  return [unseen(check, 'not root: what needs CAP_NET_ADMIN cannot be looked at', advice)];
}

/** Of the control group that the doctor runs in; a unit of systemd or a container has another one. */
export function checkMemory({ configuration, memoryLimit }: Facts): Finding[] {
  const check = 'memory';
  if ('trouble' in configuration) return [];
  const { config } = configuration.parsed;
  const need = `${Math.round(memoryNeed(config) / 1024 / 1024)} MiB for full caches`;
  const found = memoryTrouble(config, memoryLimit);
  if (found !== undefined) return [warning(check, found, 'raise the limit, or lower HashLimit')];
  return [ok(check, `${need}; ${memoryLimit === undefined ? 'no limit' : 'the limit is above'}`)];
}

export function checkProcesses({ processes, socket }: Facts): Finding[] {
  const check = 'processes';
  const near = processes.filter(({ here }) => here === true);
  const text = near.map(({ pid, name }) => `${printable(name)} (${pid})`).join(', ');
  const elsewhere = processes.filter(({ here }) => here === false).length;
  const unknown = processes.length - near.length - elsewhere;
  let others = elsewhere === 0 ? '' : `; ${elsewhere} in other network namespaces`;
  if (unknown > 0) others += `; ${unknown} in an unknown network namespace`;
  if (near.length > 1) {
    const advice = 'if they are two nodes with the same links, stop one';
    return [warning(check, `${near.length} nodes run here: ${text}${others}`, advice)];
  }
  if (near.length === 1 && (socket === 'absent' || socket === 'stale')) {
    const advice = 'it has another configuration; name it with -C, or stop it';
    return [warning(check, `${text} runs, but not on this configuration's control socket${others}`, advice)];
  }
  return [ok(check, (near.length === 0 ? 'no node is known to run here' : text) + others)];
}

export function checkClock({ clock: { now, installed } }: Facts): Finding[] {
  const check = 'clock';
  const text = new Date(now).toISOString();
  if (installed === undefined || now >= installed) return [ok(check, text)];
  const found = `${text}, before this program was installed`;
  return [warning(check, found, 'set it (NTP): logs of the two nodes cannot be compared')];
}
