import {
  accessSync,
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
} from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import type { Config, SyncModeConfig } from '../../../config/config.ts';
import type { Settings } from '../../../settings/settings.ts';
import {
  Capability,
  capabilitySet,
  forbidNewPrivileges,
  keepCapabilitiesOfUser,
  limitBoundingSet,
  limitCapabilities,
  threadPrivileges,
} from '../../../system/process/capabilities.ts';

/** Ports below it need CAP_NET_BIND_SERVICE (`net.ipv4.ip_unprivileged_port_start` unless changed). */
const UNPRIVILEGED_PORT_MIN = 1024;

/** A user of the system, passwd(5). */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** What the daemon gives up before it starts. */
export interface PrivilegePlan {
  /** The capabilities that it keeps, as far as it has them. */
  readonly keep: bigint;
  /** Whose rights it has; undefined: those of who started it. */
  readonly user: User | undefined;
  /** The logs, which may lie where that user may make no files. */
  readonly logs: readonly string[];
}

/** A user that the daemon cannot become: one line that says why. */
export class PrivilegeError extends Error {
  override readonly name = 'PrivilegeError';
}

/**
 * What a daemon needs of its privileges; undefined if it keeps all, because the settings say so.
 * @throws PrivilegeError about the user of the settings
 */
export function planPrivileges(
  config: Config,
  { process: settings, metrics }: Settings,
): PrivilegePlan | undefined {
  if (!settings.dropPrivileges) return undefined;
  const user = settings.user === undefined ? undefined : findUser(settings.user);
  if (user !== undefined && process.geteuid!() !== 0 && process.geteuid!() !== user.uid) {
    throw new PrivilegeError(`user \`${user.name}' in [process]: only root can become another user`);
  }
  const numbers: number[] = [Capability.NET_ADMIN, Capability.SYS_NICE];
  // Root without it could not write to a log that belongs to another user, as logrotate may make it.
  if (user === undefined) numbers.push(Capability.DAC_OVERRIDE);
  const ports = config.mode === 'sync' ? config.sync.links.map(({ port }) => port) : [];
  if (metrics.listen?.kind === 'tcp') ports.push(metrics.listen.port);
  if (ports.some((port) => port < UNPRIVILEGED_PORT_MIN)) numbers.push(Capability.NET_BIND_SERVICE);
  if (config.mode === 'sync' && needsRawSockets(config)) numbers.push(Capability.NET_RAW);
  const logs = [config.general.logFile, config.mode === 'stats' ? config.stats.logFile : undefined];
  return { keep: capabilitySet(numbers), user, logs: logs.filter((path) => path !== undefined) };
}

/**
 * Since Linux 5.7 whoever made a socket may bind it to an interface, once. Binding an IPv6 socket to an address with a scope,
 * as of a multicast group or a link, is that once (`sk_bound_dev_if`).
 */
function needsRawSockets({ sync: { links } }: SyncModeConfig): boolean {
  const isMulticast6 = links.some(({ transport, family }) => transport === 'multicast' && family === 6);
  if (isMulticast6) return true;
  if (links.length === 1) return false;
  return links.some(({ family }) => family === 6) || isBefore(release(), 5, 7);
}

/** Whether this process has more than the plan keeps, or its programs could get more. */
export function hasMoreThan({ keep, user }: PrivilegePlan): boolean {
  const { permitted, bounding, noNewPrivileges } = threadPrivileges();
  const euid = process.geteuid!();
  // What root starts gets the bounding set.
  const has = euid === 0 ? permitted | bounding : permitted;
  return (has & ~keep) !== 0n || !noNewPrivileges || (user !== undefined && user.uid !== euid);
}

/**
 * Gives up what the plan does not keep, for the main thread and every program that it starts.
 * @param program paths that the new user must be able to read
 * @throws PrivilegeError about the user of the settings; SystemError where the system refuses, for want of CAP_SETPCAP
 */
export function givePrivilegesUp(plan: PrivilegePlan, program: readonly string[]): void {
  const { keep, user } = plan;
  // What root starts gets the whole bounding set: without this the rest would be in vain.
  limitBoundingSet(keep);
  if (user !== undefined && process.geteuid!() === 0) {
    for (const path of plan.logs) handLogTo(path, user);
    become(user);
    for (const path of program) checkReadable(path, user);
  }
  limitCapabilities(keep, process.geteuid!() !== 0);
  forbidNewPrivileges();
}

function become(user: User): void {
  keepCapabilitiesOfUser();
  try {
    // @types/node lacks it.
    (process as unknown as { initgroups(user: string, group: number): void }).initgroups(user.name, user.gid);
    process.setgid!(user.gid);
    process.setuid!(user.uid);
  } catch (error) {
    throw new PrivilegeError(`user \`${user.name}' in [process]: ${(error as Error).message}`);
  }
}

function checkReadable(path: string, user: User): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new PrivilegeError(
      `user \`${user.name}' in [process] may not read the program: ${(error as Error).message}`,
    );
  }
}

/**
 * Makes a log, or gives a log of root to the user, in a directory that root alone may change, such as /var/log. In another
 * one whoever may change it could have put any file of root's in the place, and the user makes the log himself or may not.
 */
function handLogTo(path: string, user: User): void {
  try {
    if (!isOnlyForRoot(dirname(path))) return;
    const fd = openSync(
      path,
      constants.O_WRONLY |
        constants.O_APPEND |
        constants.O_CREAT |
        constants.O_NOFOLLOW |
        constants.O_NONBLOCK,
      0o600,
    );
    try {
      const { uid, nlink } = fstatSync(fd);
      if (fstatSync(fd).isFile() && uid === 0 && nlink === 1) fchownSync(fd, user.uid, user.gid);
    } finally {
      closeSync(fd);
    }
  } catch {
    // The daemon says what it cannot open.
  }
}

/** Whether nobody but root may change what lies in the directory, or put another one in its place. */
function isOnlyForRoot(path: string): boolean {
  const directory = lstatSync(path);
  const isRoots = directory.isDirectory() && directory.uid === 0 && (directory.mode & 0o022) === 0;
  return isRoots && (path === '/' || isOnlyForRoot(dirname(path)));
}

/** @throws PrivilegeError */
function findUser(name: string): User {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const fields = lines.map((line) => line.split(':')).find(([each]) => each === name);
  if (fields === undefined) throw new PrivilegeError(`user \`${name}' in [process]: not in /etc/passwd`);
  const user = { name, uid: Number(fields[2]), gid: Number(fields[3]) };
  if (user.uid === 0) {
    throw new PrivilegeError(
      `user \`${name}' in [process] is root: leave \`user' out, root keeps few privileges anyway`,
    );
  }
  return user;
}

/** Whether a release of Linux such as `5.10.0-8-amd64` is older than this version. */
function isBefore(text: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = text.split('.').map(Number.parseFloat);
  return first < major || (first === major && second < minor);
}
