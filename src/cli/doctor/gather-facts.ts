/** Gathers the facts about this machine that the doctor checks. Nothing here changes anything, and nothing throws. */

import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces, release } from 'node:os';
import { basename } from 'node:path';
import { Writable } from 'node:stream';
import type { Config } from '../../config/config.ts';
import { ConfigError } from '../../config/error.ts';
import { parseConfig } from '../../config/parse.ts';
import { askDaemon } from '../../control/client.ts';
import { Request } from '../../control/codes.ts';
import { memoryLimit } from '../../daemon/process/memory-limit.ts';
import { Ctnetlink } from '../../kernel/ctnetlink/ctnetlink.ts';
import { parseSettings } from '../../settings/parse.ts';
import { settingsPath } from '../../settings/path.ts';
import { openEventLoop } from '../../system/event-loop.ts';
import { IFF_RUNNING, IFF_UP, ifNameToIndex, interfaceFlags } from '../../system/interfaces.ts';
import { libc } from '../../system/libc.ts';
import { settingsText } from '../settings-file.ts';
import {
  type ConfigurationFact,
  type CtnetlinkFact,
  type DaemonAnswers,
  type EventLoopFact,
  type Facts,
  type InterfaceFact,
  type LockFact,
  type NodeProcess,
  type Privileges,
  type RulesFact,
  SETTING_NAMES,
  type Settings,
  type SettingsFact,
  type SocketState,
} from './facts.ts';
import { gatherRules, outputOf } from './rules/gather-rules.ts';
import { summariseTable, type TableSummary } from './table-summary.ts';

const IFF_MULTICAST = 0x1000;
/** Bit of CAP_NET_ADMIN in the masks of /proc/self/status, capabilities(7). */
const CAP_NET_ADMIN = 12n;
/** Milliseconds that a daemon gets for each answer. */
const ANSWER_TIMEOUT_MS = 3_000;
/** Bytes of an answer that are kept; the statistics asked for have a few kilobytes. */
const ANSWER_MAX_BYTES = 1 << 20;
/** Processes looked at, at most. */
const PROCESSES_MAX = 100_000;

/** Gathers all facts; `path` is the configuration's. */
export async function gatherFacts(path: string): Promise<Facts> {
  const configuration = configurationAt(path);
  const config = 'parsed' in configuration ? configuration.parsed.config : undefined;
  const nativeTrouble = errorMessageOf(libc);
  const socket = await socketState(config?.general.unix.path);
  const settingsFile = settingsAt(path);
  return {
    node: process.versions.node,
    kernelRelease: release(),
    nativeTrouble,
    eventLoop: await eventLoopHere(),
    privileges: privileges(),
    ctnetlink: ctnetlink(),
    configuration,
    settingsFile,
    interfaces: interfacesOf(config, settingsFile, nativeTrouble === undefined),
    lock: config && lockAt(config.general.lockFile),
    socket,
    daemon: socket === 'listening' ? await daemonAnswers(config!.general.unix.path!) : undefined,
    memoryLimit: memoryLimit(),
    settings: settings(),
    rules: await rulesAskForState(),
    chains: await gatherRules(),
    helperModules: namesIn('/sys/module').filter((name) => name.startsWith('nf_conntrack_')),
    processes: nodeProcesses(),
    clock: { now: Date.now(), installed: attempt(() => statSync(process.argv[1]!).mtimeMs) },
  };
}

async function eventLoopHere(): Promise<EventLoopFact> {
  const warnings: string[] = [];
  const { description, trouble } = await openEventLoop(process.env, (text) => warnings.push(text));
  return { description, warnings, ...(trouble !== undefined && { trouble }) };
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

function errorMessageOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

function textAt(path: string): string | undefined {
  return attempt(() => readFileSync(path, 'utf8'));
}

function namesIn(path: string): string[] {
  return attempt(() => readdirSync(path)) ?? [];
}

function numberAt(path: string): number | undefined {
  const text = textAt(path)?.trim();
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

function settingsAt(configuration: string): SettingsFact {
  const path = settingsPath(configuration);
  try {
    const found = settingsText(configuration);
    if (found === undefined) return { path, state: 'absent' };
    return { path, state: 'usable', ours: parseSettings(found.text, found.path) };
  } catch (error) {
    return { path, state: 'unusable', why: (error as Error).message };
  }
}

function configurationAt(path: string): ConfigurationFact {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return { path, trouble: `${path}: ${messageOf(error)}` };
  }
  try {
    return { path, parsed: parseConfig(text, path) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { path, trouble: error.message };
  }
}

function privileges(): Privileges {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(textAt('/proc/self/status') ?? '')?.[1];
  return {
    root: process.geteuid?.() === 0,
    netAdmin: mask === undefined ? undefined : ((BigInt(`0x${mask}`) >> CAP_NET_ADMIN) & 1n) === 1n,
  };
}

function ctnetlink(): CtnetlinkFact {
  let kernel: Ctnetlink;
  try {
    kernel = new Ctnetlink({ timeout: true, windowScale: false });
  } catch (error) {
    return { kind: 'trouble', message: messageOf(error) };
  }
  try {
    let table: TableSummary | string;
    try {
      table = summariseTable(kernel);
    } catch (error) {
      table = messageOf(error);
    }
    return { kind: 'answers', eventBuffer: kernel.eventBufferSize, table };
  } finally {
    kernel.close();
  }
}

function interfacesOf(
  config: Config | undefined,
  settingsFile: SettingsFact,
  native: boolean,
): Record<string, InterfaceFact | undefined> {
  if (config?.mode !== 'sync') return {};
  const links = config.sync.links.map(({ interface: name }) => name);
  const guarded = settingsFile.state === 'usable' ? (settingsFile.ours.failover.guard?.interfaces ?? []) : [];
  const names = [...links, ...guarded];
  return Object.fromEntries(names.map((name) => [name, interfaceNamed(name, native)]));
}

function interfaceNamed(name: string, native: boolean): InterfaceFact | undefined {
  const place = `/sys/class/net/${name}`;
  const flags = attempt(() =>
    native ? interfaceFlags(name) : Number(readFileSync(`${place}/flags`, 'utf8').trim()),
  );
  if (flags === undefined) return undefined;
  // A /sys that was mounted in another network namespace shows that one's interfaces.
  const isOurs = !native || numberAt(`${place}/ifindex`) === attempt(() => ifNameToIndex(name));
  const running = native ? (flags & IFF_RUNNING) !== 0 : numberAt(`${place}/carrier`) === 1;
  return {
    up: (flags & IFF_UP) !== 0,
    running,
    multicast: (flags & IFF_MULTICAST) !== 0,
    mtu: isOurs ? numberAt(`${place}/mtu`) : undefined,
    addresses: (networkInterfaces()[name] ?? []).map(({ address }) => address),
  };
}

function lockAt(path: string): LockFact {
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

async function socketState(path: string | undefined): Promise<SocketState | undefined> {
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

function settings(): Settings {
  const entries = SETTING_NAMES.map((name) => [name, numberAt(`/proc/sys/${name.replaceAll('.', '/')}`)]);
  return Object.fromEntries(entries) as Settings;
}

/** Rules of nft and of iptables-nft that make the kernel track. */
const ASKS_FOR_STATE = /\bct [a-z]|\b(snat|dnat|masquerade|redirect)\b|xt match "(conntrack|state|conn\w+)"/;

async function rulesAskForState(): Promise<RulesFact> {
  const tables = ['ip', 'ip6'].map((family) => textAt(`/proc/net/${family}_tables_names`) ?? '').join('');
  if (/^nat$/m.test(tables)) return true;
  const rules = await outputOf('nft', ['list', 'ruleset']);
  if (rules === undefined) return undefined;
  if (ASKS_FOR_STATE.test(rules)) return true;
  // The rules of the older iptables are not read.
  return tables === '' ? false : undefined;
}

const NODE_NAMES: ReadonlySet<string> = new Set(['conntrackd', 'conntrackd-ts']);

function nodeProcesses(): NodeProcess[] {
  const own = attempt(() => readlinkSync('/proc/self/ns/net'));
  const program = attempt(() => realpathSync(process.argv[1]!));
  const found: NodeProcess[] = [];
  const pids = namesIn('/proc').filter((name) => /^\d+$/.test(name));
  for (const pid of pids.slice(0, PROCESSES_MAX)) {
    if (Number(pid) === process.pid) continue;
    // A process that names itself, as our daemon does, has spaces between its arguments.
    const words = textAt(`/proc/${pid}/cmdline`)?.split(/[\0 ]/);
    if (words === undefined) continue;
    const at = words.slice(0, 3).findIndex((word) => NODE_NAMES.has(basename(word)) || word === program);
    if (at < 0 || !isProgram(words, at)) continue;
    const namespace = attempt(() => readlinkSync(`/proc/${pid}/ns/net`));
    const here = own === undefined || namespace === undefined ? undefined : namespace === own;
    found.push({ pid: Number(pid), name: basename(words[at]!), here });
  }
  return found;
}

/** True where the word is the program that runs, itself or as Node's script, and the command is no short-lived one. */
function isProgram(words: readonly string[], at: number): boolean {
  if (words[at + 1] === 'doctor' || words[at + 1] === 'decode') return false;
  return at === 0 || basename(words[0]!).startsWith('node');
}
