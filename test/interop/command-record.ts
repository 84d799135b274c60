import { existsSync, readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConfigurationOptions,
  type ConntrackdNode,
  cProgram,
  type Lab,
  type Program,
  sampleFlows,
  tcpLoad,
  until,
} from '../../sim/netns/lab.ts';
import { askDaemon } from '../../src/control/client.ts';
import { Request } from '../../src/control/codes.ts';
import { ourProgram } from './programs.ts';

/** What one call of a client left behind, with everything masked that differs from one run to the next. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** What the daemon logged of it; of a command that does something. */
  readonly log?: readonly string[];
  /** How much is where afterwards; of a command that does something. */
  readonly state?: State;
}

export interface State {
  readonly kernel: number;
  /** Sizes of the caches of flows and, where they are synchronised, of expectations, in the order of the statistics. */
  readonly caches: readonly number[];
  /** The same of the peer. */
  readonly peer: readonly number[];
}

export interface Step {
  readonly command: string;
  readonly client: Client;
  readonly outcome: Outcome;
}

const CLIENTS = { c: cProgram, ours: ourProgram } as const;
export type Client = keyof typeof CLIENTS;

/** The commands that only ask. */
const QUESTIONS: readonly (readonly string[])[] = [
  ['-s'],
  ...['network', 'cache', 'runtime', 'link', 'multicast', 'rsqueue', 'process', 'queue', 'ct', 'expect'].map(
    (word) => ['-s', word],
  ),
  ['-s', 'n'],
  ['-s', 'nothing'],
  ['-i'],
  ['-i', 'ct'],
  ['-i', 'expect'],
  ['-i', '-x'],
  ['-i', 'ct', '-x'],
  ['-i', 'expect', '-x'],
  ['-e'],
  ['-e', 'ct'],
  ['-e', 'expect'],
  ['-e', '-x'],
  ['-e', 'ct', '-x'],
  ['-e', 'expect', '-x'],
];

/** The commands that do something, in an order in which each finds something to do. */
const ORDERS: readonly (readonly string[])[] = [
  ['-c', 'expect'],
  ['-c', 'ct'],
  ['-c'],
  ['-B'],
  ['-f', 'internal'],
  ['-R', 'expect'],
  ['-R', 'ct'],
  ['-R'],
  ['-f', 'external'],
  ['-f', 'neither'],
  ['-n'],
  ['-f'],
  ['-n'],
  ['-t'],
  ['-t'],
  ['-F', 'expect'],
  ['-F', 'ct'],
  ['-F'],
];

/** A line of the log without time and process, its numbers masked. */
function logText(line: string): string {
  return masked(line.replace(/^\[[^\]]*\]\s+\(pid=\d+\)\s*/, ''));
}

function masked(line: string): string {
  return line.replace(/\d+/g, 'N').replace(/ +/g, ' ').trimEnd();
}

/** A dump's line: who and what in full, but not how long, and not what the kernel counts or numbers. */
function dumpText(line: string): string {
  return line
    .replace(/ \[(?:active since|expires in) \d+s\]/g, '')
    .replace(/^(\S+ +\d+) \d+ /, '$1 ')
    .replace(/<timeout>\d+<\/timeout>/, '')
    .replace(/ use=\d+/, '')
    .replace(/<use>\d+<\/use>/, '')
    .replace(/<id>\d+<\/id>/, '')
    .replace(/<when>.*?<\/when>/, '');
}

function answerText([option, word]: readonly string[], stdout: string): string[] {
  if (option === '-i' || option === '-e') return lines(stdout).map(dumpText).sort();
  // What waits in the queue is a matter of the moment.
  const known = word === 'rsqueue' ? lines(stdout).slice(0, 1) : lines(stdout);
  return known.map(masked);
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

function fileOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** How many flows the kernel has in the namespace of a node. */
function kernelCount({ pid }: ConntrackdNode): number {
  const [, counts = ''] = fileOf(`/proc/${pid}/net/stat/nf_conntrack`).split('\n');
  const count = Number.parseInt(counts, 16);
  if (Number.isNaN(count)) throw new Error('/proc/net/stat/nf_conntrack: expected the number of entries');
  return count;
}

/** What a daemon answers to a request; without a client's process, since this is asked very often. */
export async function answerOf(node: ConntrackdNode, request: number): Promise<string> {
  const output = new PassThrough();
  const answer = text(output);
  await askDaemon(node.paths.controlSocket, request, output);
  output.end();
  return answer;
}

async function cacheSizes(node: ConntrackdNode): Promise<number[]> {
  const flows = await answerOf(node, Request.STATISTICS);
  const expectations = await answerOf(node, Request.STATISTICS_EXPECT);
  const sizes = `${flows}${expectations}`.matchAll(/current active connections:\s+(\d+)/g);
  return [...sizes].map(([, size]) => Number(size));
}

/** Plays all commands to the node on firewall A, by either client in turn, and records what comes of each. */
export class CommandRecord {
  private readonly lab: Lab;
  private read = { path: '', size: 0 };
  /** The mode of the node under test, if it asks its peer by itself for what it may lack. */
  private asksIn: 'FTFW' | 'NOTRACK' | undefined;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** Both nodes run; A is the one under test. Each gets its flows, with an expectation among them if `samples` are wanted. */
  async prepare(
    program: Program,
    configuration: ConfigurationOptions,
    samples: boolean,
  ): Promise<readonly string[]> {
    const { lab } = this;
    const { mode } = configuration;
    await lab.startNodes({ a: { program, configuration }, b: { configuration } });
    const { paths } = lab.a.node();
    await until('the start is over', () => fileOf(paths.logFile).includes('-- starting in console mode --'));
    const begun = this.newLog();
    if (mode === 'FTFW' || mode === 'NOTRACK') await lab.settled();
    await lab.a.load(tcpLoad(20));
    if (samples) await this.loadSamples();
    if (program === ourProgram && samples && (mode === 'FTFW' || mode === 'NOTRACK')) this.asksIn = mode;
    if (this.asksIn === 'NOTRACK') await this.untilInSync();
    await this.settle();
    return begun;
  }

  /** A request that waits, as the second one of a second does, would fill a flushed cache again. */
  private async untilInSync(): Promise<void> {
    const isInSync = async (): Promise<boolean> =>
      (await this.lab.a.node().client(['-s', '--in-sync'])).code === 0;
    await until('the node under test is in sync', isInSync, 20_000, 100);
    if (this.asksIn !== 'NOTRACK') return;
    // What it asked a C node for, that one may lack as well, and gets it 1.5 s later.
    const { paths } = this.lab.a.node();
    const isSent = (): boolean => {
      const log = fileOf(paths.logFile);
      return log.lastIndexOf('sending bulk update') > log.lastIndexOf('resync requested');
    };
    await until('the peer has got everything', isSent, 20_000, 100);
  }

  private async loadSamples(): Promise<void> {
    const { lab } = this;
    for (const sample of sampleFlows()) await lab.b.conntrack(...sample.arguments);
    for (const [side, port] of [
      ['b', 30_001],
      ['a', 30_002],
    ] as const) {
      await lab.moveAddresses(side);
      const ftp = await lab.connect({ port: 21, localPort: port });
      await ftp.exchange();
      await ftp.say(`PORT 192,168,10,10,20,${port % 100}`);
    }
  }

  async play(clients: readonly Client[]): Promise<Step[]> {
    const steps: Step[] = [];
    for (const args of [...QUESTIONS, ...ORDERS]) {
      for (const client of clients) {
        steps.push({ command: args.join(' '), client, outcome: await this.ask(client, args) });
      }
    }
    return steps;
  }

  /** A command that the peer gets, as the log of the node under test shows it, once this line is there. */
  async peer(command: string, line: string | undefined): Promise<readonly string[]> {
    this.newLog();
    const { size } = this.read;
    await this.lab.b.node().command(command);
    // Ours begins one bulk a second at most for a peer.
    if (line !== undefined)
      await until(line, () => fileOf(this.lab.a.node().paths.logFile).slice(size).includes(line));
    await this.settle();
    return this.newLog();
  }

  /** Ends the node by each client's `-k`, and starts it anew in between. */
  async kill(
    clients: readonly Client[],
    program: Program,
    configuration: ConfigurationOptions,
  ): Promise<Step[]> {
    const steps: Step[] = [];
    for (const client of clients) {
      if (steps.length > 0) await this.lab.a.start({ program, configuration });
      const node = this.lab.a.node();
      this.newLog();
      const { code, stdout, stderr } = await node.client(['-k'], { program: CLIENTS[client] });
      await until('the node has ended', () => !node.running());
      const outcome = { code, stdout: lines(stdout), stderr: lines(stderr), log: this.newLog() };
      steps.push({ command: '-k', client, outcome });
    }
    return steps;
  }

  private async ask(client: Client, args: readonly string[]): Promise<Outcome> {
    if (this.asksIn !== undefined && args.join(' ') === '-f external') await this.untilInSync();
    this.newLog();
    const node = this.lab.a.node();
    const { code, stdout, stderr } = await node.client(args, { program: CLIENTS[client] });
    const output = { code, stdout: answerText(args, stdout), stderr: lines(stderr).map(logText) };
    return QUESTIONS.includes(args) ? output : { ...output, state: await this.settle(), log: this.newLog() };
  }

  /** Waits until nothing moves any more. */
  private async settle(): Promise<State> {
    let before = '';
    let calm = 0;
    for (let round = 0; round < 40; round++) {
      const state = await this.state();
      const now = JSON.stringify(state);
      calm = now === before ? calm + 1 : 0;
      if (calm === 2) return state;
      before = now;
      await sleep(25);
    }
    throw new Error(`it does not come to rest: ${before}`);
  }

  private async state(): Promise<State> {
    const [a, b] = [this.lab.a.node(), this.lab.b.node()];
    const [caches, peer] = await Promise.all([cacheSizes(a), cacheSizes(b)]);
    return { kernel: kernelCount(a), caches, peer };
  }

  /**
   * What has been logged since the last call. The C node shows an entry that could not be committed in a line of its
   * own, without head, and complains where it may not set its scheduler; such lines are left out.
   */
  private newLog(): string[] {
    const path = this.lab.a.node().paths.logFile;
    const text = fileOf(path);
    const added = path === this.read.path ? text.slice(this.read.size) : text;
    this.read = { path, size: text.length };
    return lines(added)
      .filter((line) => line.startsWith('[') && !line.includes('scheduler configuration failed'))
      .map(logText);
  }
}
