/** The lock file and the control socket of a daemon, and what it answers. */

import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { askFigures, askTextFigures } from '../../control/ask-figures.ts';
import type { NodeFigures } from '../../control/node-figures.ts';
import type { LockFact, SocketState } from '../facts.ts';
import { attempt, numberAt, textAt } from '../machine/look.ts';
import type { DaemonFact } from './daemon-fact.ts';

/** Milliseconds that a daemon gets to accept a connection. */
const ANSWER_TIMEOUT_MS = 3_000;

export function lockAt(path: string): LockFact {
  const stat = attempt(() => statSync(path));
  if (stat === undefined) return { exists: false, pid: undefined, locked: undefined };
  const pid = numberAt(path);
  const locks = textAt('/proc/locks');
  return { exists: true, pid, locked: locks === undefined ? undefined : isLocked(locks, stat.ino, pid) };
}

/** A line of /proc/locks, proc(5): `1: FLOCK  ADVISORY  WRITE 5629 fe:00:2163331 0 EOF`. */
function isLocked(locks: string, inode: number, pid: number | undefined): boolean {
  return [...locks.matchAll(/ FLOCK +\S+ +\S+ +(\d+) \w+:\w+:(\d+) /g)].some(
    ([, holder, number]) => Number(number) === inode && (pid === undefined || Number(holder) === pid),
  );
}

export async function socketState(path: string | undefined): Promise<SocketState | undefined> {
  if (path === undefined) return undefined;
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (state: SocketState) => {
      socket.destroy();
      resolve(state);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => end('listening'));
    socket.on('connect', () => end('listening'));
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ENOENT' || code === 'ENOTDIR') end('absent');
      else if (code === 'EACCES' || code === 'EPERM') end('denied');
      // EAGAIN: its backlog is full.
      else if (code === 'EAGAIN') end('listening');
      else end(attempt(() => statSync(path).isSocket()) === false ? 'no-socket' : 'stale');
    });
  });
}

/**
 * The statistics of a daemon; undefined where it does not answer.
 * @param isOurs a daemon of ours, whose lock file names its process
 */
export async function figuresOf(path: string, isOurs: boolean): Promise<NodeFigures | undefined> {
  try {
    return await (isOurs ? askFigures(path) : askTextFigures(path));
  } catch {
    return undefined;
  }
}

const receivedOver = ({ links = [] }: NodeFigures): number =>
  links.reduce((sum, { packetsReceived }) => sum + packetsReceived, 0);

/** @param before the statistics at the begin of the sample */
export function daemonFact(now: NodeFigures, before: NodeFigures | undefined): DaemonFact {
  if (before === undefined) return now;
  return { ...now, receivedInSample: receivedOver(now) - receivedOver(before) };
}
