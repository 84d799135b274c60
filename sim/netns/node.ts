import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Request } from '../../src/control/codes.ts';
import { settingsPath } from '../../src/settings/path.ts';
import { askNode } from './ask.ts';
import { cProgramPath } from './c-program.ts';
import { type Configuration, configurationText, type NodePaths, type NodePlace } from './configuration.ts';
import type { Namespace } from './namespace.ts';
import { PATIENCE } from './patience.ts';
import type { CommandOptions, CommandResult, Exit, RunningProcess } from './process.ts';
import { type FlowLine, normaliseLines, parseFlowTable } from './table.ts';
import { until } from './until.ts';

/** A program that takes conntrackd's arguments: the command, and the arguments that come before them. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The C program: what the variable `CONNTRACKD` names, else what is installed. */
export const cProgram: Program = { command: cProgramPath(), args: [] };

/** A JavaScript program, run by the given Node binary, by default the one that runs this process. */
export function javascriptProgram(
  main: string,
  nodeBinary: string = process.execPath,
  nodeArgs: readonly string[] = [],
): Program {
  return { command: nodeBinary, args: [...nodeArgs, main] };
}

/** Our program by its launcher, `bin/conntrackd-ts`, on the Node binary that runs this process. */
export function launcherProgram(launcher: string): Program {
  return { command: launcher, args: [], env: { CONNTRACKD_TS_NODE: process.execPath } };
}

export interface NodeOptions {
  /** By default the C program. */
  readonly program?: Program;
  /** The program for client commands; by default the node's own program. */
  readonly client?: Program;
  /** By default FT-FW over UDP. */
  readonly configuration?: Configuration;
  /** The text of our own settings file; by default none. */
  readonly settings?: (paths: NodePaths) => string;
  /** Start with `-d`, as a distribution's start script does, instead of in the foreground. */
  readonly daemonize?: boolean;
  /** Milliseconds until the control socket must answer; by default 10,000. */
  readonly startTimeout?: number;
}

export type CacheName = 'internal' | 'external';

/** Number of records in both caches, expectations not counted. */
export interface CacheSizes {
  readonly internal: number;
  readonly external: number;
}

/** A running (or dead) conntrackd of either kind, in its firewall's namespace. */
export interface ConntrackdNode {
  readonly paths: NodePaths;
  readonly pid: number;
  running(): boolean;
  /** Runs the client with these arguments (`-s`, `-i`, `-c`, ...) in the node's namespace, whatever the exit code. */
  client(
    args: readonly string[],
    options?: CommandOptions & { readonly program?: Program },
  ): Promise<CommandResult>;
  /** As `client`, but the exit code must be 0; returns the text. */
  command(...args: readonly string[]): Promise<string>;
  /** The flows of a cache, sorted. */
  cache(which: CacheName): Promise<FlowLine[]>;
  /** The expectations of a cache as sorted lines without their age. */
  expectations(which: CacheName): Promise<string[]>;
  /** How many flows the caches hold, according to the statistics; cheap to read. */
  sizes(): Promise<CacheSizes>;
  /** Datagrams received so far on the active sync link. */
  packetsReceived(): Promise<number>;
  /** Waits until a cache holds exactly this many flows. */
  untilSize(which: CacheName, count: number, timeout?: number): Promise<void>;
  /** Its log: the log file and standard error. */
  log(): string;
  /** User and system CPU seconds spent so far, all threads. */
  cpuSeconds(): number;
  /** Resident memory in bytes. */
  residentBytes(): number;
  signal(signal: NodeJS.Signals): void;
  /** Stops it normally, with SIGTERM. */
  stop(): Promise<void>;
  /** Kills it with SIGKILL: it cannot clean up. */
  kill(): Promise<void>;
}

const READY_TIMEOUT = 10_000;
/** Milliseconds until the last words of a process that has ended are read, even on a busy machine. */
const STDERR_LIMIT = 1_000 * PATIENCE;
const STOP_GRACE = 5_000 * PATIENCE;
// USER_HZ, which Linux fixes at 100 for /proc on every architecture in use.
const TICKS_A_SECOND = 100;

/** A node did not come up. The message ends with its log. */
export class NodeStartError extends Error {
  override readonly name = 'NodeStartError';
  readonly log: string;
  /** How it ended; undefined if it was running, and silent. */
  readonly exit: Exit | undefined;

  constructor(what: string, log: string, exit: Exit | undefined) {
    super(`${what}; its log:\n${log}`);
    this.log = log;
    this.exit = exit;
  }
}

/** Starts a node and waits until its control socket answers. Rejects with its log if it does not come up. */
export async function startNode(
  namespace: Namespace,
  place: Omit<NodePlace, 'paths'> & { readonly directory: string },
  options: NodeOptions = {},
): Promise<ConntrackdNode> {
  const { program = cProgram, client: clientProgram = program, daemonize = false } = options;
  const paths = nodePaths(place.directory);
  await mkdir(paths.directory, { recursive: true });
  await writeFile(
    paths.configuration,
    configurationText({ side: place.side, syncLinks: place.syncLinks, paths }, options.configuration),
  );
  if (options.settings) await writeFile(settingsPath(paths.configuration), options.settings(paths));
  const child = await namespace.start(
    program.command,
    [...program.args, '-C', paths.configuration, ...(daemonize ? ['-d'] : [])],
    { env: { ...process.env, ...environment(program, paths) } },
  );
  const log = () => {
    const file = existsSync(paths.logFile) ? readFileSync(paths.logFile, 'utf8') : '';
    return `${file}${child.stderr()}`;
  };
  const life = daemonize ? daemonLife(await untilDaemon(child, paths, log)) : childLife(child);

  const node: ConntrackdNode = {
    paths,
    pid: life.pid,
    running: life.running,
    client(args, { program: other = clientProgram, ...rest } = {}) {
      return namespace.run(
        'env',
        [
          ...Object.entries(environment(other, paths)).map(([key, value]) => `${key}=${value}`),
          other.command,
          ...other.args,
          '-C',
          paths.configuration,
          ...args,
        ],
        rest,
      );
    },
    async command(...args) {
      const result = await node.client(args);
      if (result.code !== 0) {
        throw new Error(
          `${clientProgram.command} ${args.join(' ')}: ${result.signal ?? `exit code ${result.code}`}: ` +
            `${(result.stderr || result.stdout).trim()}${life.running() ? '' : ' (the node is not running)'}`,
        );
      }
      return result.stdout;
    },
    cache: async (which) => parseFlowTable(await node.command(which === 'internal' ? '-i' : '-e')),
    expectations: async (which) =>
      normaliseLines(await node.command(which === 'internal' ? '-i' : '-e', 'expect')),
    async sizes() {
      const text = await askNode(paths.controlSocket, Request.STATISTICS);
      const count = (name: string) => {
        const found = new RegExp(`cache ${name}:\\s+current active connections:\\s+(\\d+)`).exec(text);
        if (found === null) throw new Error(`no size of the ${name} cache in:\n${text}`);
        return Number(found[1]);
      };
      return { internal: count('internal'), external: count('external') };
    },
    async packetsReceived() {
      const text = await askNode(paths.controlSocket, Request.STATISTICS);
      const found = /(\d+) Pckts recv/.exec(text);
      if (found === null) throw new Error(`no count of received packets in:\n${text}`);
      return Number(found[1]);
    },
    async untilSize(which, count, timeout) {
      await until(
        `${count} flows in the ${which} cache of ${place.side}`,
        async () => {
          const size = (await node.sizes())[which];
          if (size !== count) throw new Error(`it holds ${size}`);
          return true;
        },
        timeout,
      );
    },
    log,
    cpuSeconds() {
      const stat = readFileSync(`/proc/${life.pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
    },
    residentBytes() {
      const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${life.pid}/status`, 'latin1'));
      return Number(found?.[1] ?? 0) * 1024;
    },
    signal: life.signal,
    async stop() {
      life.signal('SIGTERM');
      if (!(await life.ended(STOP_GRACE))) {
        life.signal('SIGKILL');
        await life.ended(STOP_GRACE);
        throw new Error(`the node ${life.pid} ignored SIGTERM for ${STOP_GRACE} ms; its log:\n${log()}`);
      }
    },
    async kill() {
      life.signal('SIGKILL');
      await life.ended(STOP_GRACE);
    },
  };

  try {
    await untilAnswering(paths.controlSocket, life.running, options.startTimeout ?? READY_TIMEOUT);
  } catch (error) {
    const ended = life.running() ? undefined : await child.ended;
    await node.kill();
    await child.stderrRead(STDERR_LIMIT);
    throw new NodeStartError(`${child.shown}: ${(error as Error).message}`, log().trim(), ended);
  }
  return node;
}

/** The files of a node whose directory this is. */
export function nodePaths(directory: string): NodePaths {
  const file = (name: string) => join(directory, name);
  return {
    directory,
    configuration: file('conntrackd.conf'),
    lockFile: file('lock'),
    logFile: file('log'),
    statsLogFile: file('stats-log'),
    controlSocket: file('ctl'),
    runDirectory: file('run'),
  };
}

/** What a program of the node has in its environment besides ours. */
export function environment(program: Program, paths: NodePaths): Readonly<Record<string, string>> {
  return { CONNTRACKD_TS_RUN_DIR: paths.runDirectory, ...program.env };
}

interface Life {
  readonly pid: number;
  running(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Waits at most this many milliseconds; true if it has ended. */
  ended(timeout: number): Promise<boolean>;
}

function childLife(child: RunningProcess): Life {
  return {
    pid: child.pid,
    running: child.running,
    signal: child.signal,
    ended: async (timeout) => {
      const late = new AbortController();
      const first = await Promise.race([
        child.ended.then(() => true),
        sleep(timeout, false, { signal: late.signal }).catch(() => false),
      ]);
      late.abort();
      return first;
    },
  };
}

// The kernel may reuse the pid of a detached daemon once it has ended: only the command line proves that it is the daemon.
function daemonLife({ pid, commandLine }: { pid: number; commandLine: string }): Life {
  const running = () => commandLineOf(pid) === commandLine;
  return {
    pid,
    running,
    signal: (signal) => {
      if (running()) process.kill(pid, signal);
    },
    async ended(timeout) {
      const deadline = performance.now() + timeout;
      while (running() && performance.now() < deadline) await sleep(10);
      return !running();
    },
  };
}

async function untilDaemon(child: RunningProcess, paths: NodePaths, log: () => string) {
  const exit = await child.ended;
  if (exit.code !== 0) {
    await child.stderrRead(STDERR_LIMIT);
    throw new Error(`${child.shown}: exit code ${exit.code ?? exit.signal}; its log:\n${log().trim()}`);
  }
  return until(`${child.shown}: a daemon`, () => {
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const commandLine = commandLineOf(Number(entry));
      // A process that names itself has spaces between its arguments.
      const words = commandLine.split(/[\0 ]/);
      if (words.includes(paths.configuration)) return { pid: Number(entry), commandLine };
    }
    return undefined;
  });
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

const STATS_REQUEST = 21;

// Every network namespace can reach a UNIX socket with a path, so this needs no process of its own.
async function untilAnswering(path: string, running: () => boolean, timeout: number): Promise<void> {
  const limit = timeout * PATIENCE;
  const deadline = performance.now() + limit;
  for (;;) {
    if (!running()) throw new Error('it ended before its control socket answered');
    if (await answers(path)) return;
    if (performance.now() > deadline) throw new Error(`its control socket did not answer within ${limit} ms`);
    await sleep(20);
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answer: boolean) => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(1_000 * PATIENCE, () => settle(false));
    socket.on('error', () => settle(false));
    socket.on('close', () => resolve(false));
    socket.once('data', () => settle(true));
    const request = Buffer.alloc(4);
    new Int32Array(request.buffer, request.byteOffset, 1)[0] = STATS_REQUEST;
    socket.on('connect', () => socket.write(request));
  });
}
