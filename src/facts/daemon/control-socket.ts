/** The lock file and the control socket of a daemon, and what it answers. */

import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { askDaemon } from '../../control/client.ts';
import { jsonForm, Request } from '../../control/codes.ts';
import type { RoleStatistics } from '../../control/role.ts';
import type { PeerStatistics } from '../../control/snapshot.ts';
import type { StandbyStatistics } from '../../control/standby.ts';
import type { LockFact, SocketState } from '../facts.ts';
import { attempt, numberAt, textAt } from '../machine/look.ts';
import type { DaemonFact, OwnDaemonFact } from './daemon-fact.ts';
import { type DaemonAnswers, daemonFiguresOf, type LinkFigures, linksIn } from './daemon-figures.ts';

/** Milliseconds that a daemon gets for each answer. */
const ANSWER_TIMEOUT_MS = 3_000;
/** Bytes of an answer that are kept; the statistics asked for have a few kilobytes. */
const ANSWER_MAX_BYTES = 1 << 20;

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

/** One answer of the daemon; undefined if none came in time. */
async function answer(path: string, request: number): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  let late = false;
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      if (size < ANSWER_MAX_BYTES) parts.push(chunk);
      size += chunk.length;
      done();
    },
  });
  const timer = setTimeout(() => {
    late = true;
    output.destroy();
  }, ANSWER_TIMEOUT_MS);
  try {
    await askDaemon(path, request, output);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
  return late ? undefined : Buffer.concat(parts).toString('utf8');
}

/** The texts, not their JSON form: a C node counts a request that it does not know as an error. */
async function daemonAnswers(path: string): Promise<DaemonAnswers | undefined> {
  const runtime = await answer(path, Request.STATISTICS_RUNTIME);
  if (runtime === undefined) return undefined;
  return {
    runtime,
    general: (await answer(path, Request.STATISTICS)) ?? '',
    cache: (await answer(path, Request.STATISTICS_CACHE)) ?? '',
    network: (await answer(path, Request.STATISTICS_NETWORK)) ?? '',
    link: (await answer(path, Request.STATISTICS_LINK)) ?? '',
    queue: (await answer(path, Request.STATISTICS_QUEUE)) ?? '',
  };
}

/** What only our daemon tells; undefined where it does not answer so. */
async function ownFact(path: string): Promise<OwnDaemonFact | undefined> {
  const text = await answer(path, jsonForm(Request.STATISTICS)!);
  const statistics = attempt(() => JSON.parse(text ?? '') as OwnStatistics);
  if (statistics === undefined) return undefined;
  const { role, standby, network } = statistics;
  const peerSilentMs = network?.peer?.silentMs;
  return {
    ...(role === undefined ? {} : { role }),
    ...(standby === undefined ? {} : { standby }),
    ...(peerSilentMs === undefined ? {} : { peerSilentMs }),
  };
}

/** Members of STATISTICS in their JSON form that are looked at. An older daemon may lack any. */
interface OwnStatistics {
  readonly role?: RoleStatistics;
  readonly standby?: StandbyStatistics;
  readonly network?: { readonly peer?: Partial<PeerStatistics> };
}

/** The texts have whole minutes. */
async function ownUptime(path: string): Promise<number | undefined> {
  const text = await answer(path, jsonForm(Request.STATISTICS_RUNTIME)!);
  const { runtime } = attempt(() => JSON.parse(text ?? '') as { runtime?: { uptime?: number } }) ?? {};
  return runtime?.uptime;
}

/**
 * What a daemon tells; undefined where it does not answer.
 * @param isOurs a daemon of ours, whose lock file names its process
 * @param receivedBefore what {@link receivedBy} gave at the begin of the sample
 */
export async function daemonFact(
  path: string,
  isOurs: boolean,
  receivedBefore: number | undefined,
): Promise<DaemonFact | undefined> {
  const answers = await daemonAnswers(path);
  if (answers === undefined) return undefined;
  const figures = daemonFiguresOf(answers);
  const own = isOurs ? await ownFact(path) : undefined;
  const seconds = own === undefined ? undefined : await ownUptime(path);
  return {
    ...figures,
    ...(seconds === undefined ? {} : { uptimeSeconds: seconds }),
    ...(own === undefined ? {} : { own }),
    ...(receivedBefore === undefined
      ? {}
      : { receivedInSample: receivedOver(figures.links) - receivedBefore }),
  };
}

const receivedOver = (links: readonly LinkFigures[]): number =>
  links.reduce((sum, { packetsReceived }) => sum + packetsReceived, 0);

/** Datagrams received so far, over all links; undefined where no daemon answers. */
export async function receivedBy(path: string): Promise<number | undefined> {
  const text = await answer(path, Request.STATISTICS_LINK);
  return text === undefined ? undefined : receivedOver(linksIn(text));
}
