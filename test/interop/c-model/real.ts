import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { C_DEFAULTS, type CNodeOptions } from '../../../sim/c-node/node.ts';
import type { ConfigurationOptions } from '../../../sim/netns/configuration.ts';
import { inside, joinByLink, SYNC_PORT, socketAddress } from '../../../sim/netns/kernel-lab.ts';
import { createNamespace, type Namespace } from '../../../sim/netns/namespace.ts';
import { type ConntrackdNode, startNode } from '../../../sim/netns/node.ts';
import type { Scope } from '../../../sim/netns/scope.ts';
import { parseFlowTable } from '../../../sim/netns/table.ts';
import { until } from '../../../sim/netns/until.ts';
import { requestBytes } from '../../../src/control/client.ts';
import { Request } from '../../../src/control/codes.ts';
import { AF_INET, libc, MSG_DONTWAIT, SOCK_DGRAM } from '../../../src/system/libc.ts';
import { sequenceOf } from '../../../src/wire/header.ts';
import { listing, messageLines } from './lines.ts';
import type { Course, KernelOperation, Outcome, Script, Step, TestFlow } from './script.ts';

/** A node is silent for a second at most, in milliseconds; how much longer a busy machine makes it. */
const SILENCE = 1000;
const PATIENCE = 20_000;
/** Maximum milliseconds from sending to our reading it. */
const TRANSIT_MS = 400;
/** Commands that a child of the node carries out, while the node goes on. */
const FLUSHES: ReadonlySet<number> = new Set([Request.FLUSH_KERNEL_CT, Request.FLUSH_KERNEL_ALL]);

/** Two namespaces joined by a link: the node's, and that of all who send to it. */
export interface Bench {
  readonly node: Namespace;
  readonly peer: Namespace;
  readonly directory: string;
}

export async function openBench(scope: Scope, n: number): Promise<Bench> {
  const node = await createNamespace(scope, `n${n}`);
  const peer = await createNamespace(scope, `p${n}`);
  await joinByLink(node, peer);
  // By default the kernel never reports a flow that began while nobody listened.
  await node.sysctl({ 'net.netfilter.nf_conntrack_events': 1 });
  return { node, peer, directory: join(scope.directory, `bench${n}`) };
}

function configuration(options: CNodeOptions): ConfigurationOptions {
  const on = (word: string, wanted: boolean) => (wanted ? [`${word} on`] : []);
  const reliable = options.mode === 'ftfw';
  const soft = options.mode === 'alarm';
  return {
    mode: options.mode.toUpperCase() as 'FTFW' | 'NOTRACK' | 'ALARM',
    inMode: [
      ...(reliable
        ? [`ResendQueueSize ${options.resendQueueSize}`, `ACKWindowSize ${options.ackWindowSize}`]
        : []),
      ...(soft ? [`RefreshTime ${options.refreshTime}`, `CacheTimeout ${options.cacheTimeout}`] : []),
      ...(options.commitTimeout === undefined ? [] : [`CommitTimeout ${options.commitTimeout}`]),
      `PurgeTimeout ${options.purgeTimeout}`,
      ...on('StartupResync', options.startupResync),
      ...on('DisableInternalCache', options.disableInternalCache),
      ...on('DisableExternalCache', options.disableExternalCache),
    ],
    inOptions: on('TCPWindowTracking', options.tcpWindowTracking),
    inGeneral: [`HashSize ${options.hashSize}`, `HashLimit ${options.hashLimit}`],
  };
}

const conntrackArguments = (operation: KernelOperation): readonly string[] => {
  const { identity, more } = operation.flow;
  switch (operation.do) {
    case 'insert':
      return ['-I', ...identity, ...more];
    case 'mark':
      return ['-U', ...identity, '-m', String(operation.mark)];
    case 'delete':
      return ['-D', ...identity];
  }
};

/** A socket in the peer's namespace. */
function openSocket(peer: Namespace, port: number): number {
  return inside(peer.name, () => {
    const socket = libc().socket(AF_INET, SOCK_DGRAM, 0);
    libc().bind(socket, socketAddress([0, 0, 0, 0], port));
    return socket;
  });
}

function ask(path: string, request: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ path });
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write(requestBytes(request)));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

/** Plays a script to a real C node. */
class RealRun {
  private readonly bench: Bench;
  private readonly script: Script;
  private readonly options: CNodeOptions;
  private node: ConntrackdNode | undefined;
  private readonly peer: number;
  private readonly third: number;
  private readonly guarded: boolean;
  private readonly received: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  private readonly buffer = new Uint8Array(65_536);
  private readonly ears = setInterval(() => this.listen(), 3);
  private given = 0;
  private base = 0;

  constructor(bench: Bench, script: Script) {
    this.bench = bench;
    this.script = script;
    this.options = { ...C_DEFAULTS, ...script.options };
    this.guarded = this.options.mode !== 'alarm';
    // They exist before the node sends its first message.
    this.peer = openSocket(bench.peer, SYNC_PORT);
    this.third = openSocket(bench.peer, SYNC_PORT + 1);
  }

  private ask(request: number): Promise<string> {
    return ask(this.node!.paths.controlSocket, request);
  }

  private listen(): void {
    for (;;) {
      const length = libc().receive(this.peer, this.buffer, MSG_DONTWAIT);
      if (length < 0) return;
      this.received.push({ at: performance.now(), bytes: this.buffer.slice(0, length) });
    }
  }

  private async listenFor(milliseconds: number, until: () => boolean = () => false): Promise<void> {
    const end = performance.now() + milliseconds;
    do {
      this.listen();
      if (until()) return;
      await sleep(Math.max(0, Math.min(5, end - performance.now())));
    } while (performance.now() < end);
    this.listen();
  }

  /** Each request is a turn of the node: after three of them it has dealt with all that waited. */
  private async settled(): Promise<void> {
    for (let turns = 0; turns < 3; ) {
      const text = await this.ask(Request.STATISTICS_NETWORK);
      if (Number(/(\d+) Pckts recv/.exec(text)![1]) >= this.given) turns++;
    }
    const sent = Number(/(\d+) Pckts sent/.exec(await this.ask(Request.STATISTICS_NETWORK))![1]);
    await this.listenFor(PATIENCE, () => this.received.length >= sent);
    if (this.received.length < sent) throw new Error(`received ${this.received.length} datagrams of ${sent}`);
  }

  private async carryOut(step: Step): Promise<void> {
    switch (step.do) {
      case 'send': {
        const bytes = step.datagram(this.base);
        this.given++;
        const socket = step.third ? this.third : this.peer;
        libc().sendTo(socket, bytes, bytes.length, 0, socketAddress([10, 99, 0, 1], SYNC_PORT));
        break;
      }
      case 'kernel': {
        const { code, stderr } = await this.bench.node.run('conntrack', conntrackArguments(step.operation));
        // 1: there is no such flow, or there is one already.
        if (code !== 0 && code !== 1) throw new Error(stderr);
        break;
      }
      case 'at once':
        this.node!.signal('SIGSTOP');
        try {
          for (const inner of step.steps) await this.carryOut(inner);
        } finally {
          this.node!.signal('SIGCONT');
        }
        break;
      case 'command':
        await this.ask(step.request);
        if (FLUSHES.has(step.request)) await this.flushed();
        break;
      case 'wait':
        await this.listenFor(step.milliseconds);
        if (this.guarded) await this.caughtUp();
        break;
    }
  }

  private flushed(): Promise<boolean> {
    const { node } = this.bench;
    return until(
      'an empty table',
      async () => (await node.must('conntrack', ['-C'])).trim() === '0',
      PATIENCE,
      10,
    );
  }

  /** Waits for a node that should have sent something meanwhile. */
  private async caughtUp(): Promise<void> {
    const recently = () => performance.now() - this.received.at(-1)!.at < SILENCE;
    await this.listenFor(PATIENCE, recently);
    if (!recently()) throw new Error(`no sign of life for ${PATIENCE} ms`);
  }

  async play(directory: string): Promise<{ outcome: Outcome; course: Course }> {
    const { script, bench } = this;
    await makeTable(bench, script.before ?? []);
    this.node = await startNode(
      bench.node,
      { side: 'a', syncLinks: 1, directory },
      { configuration: configuration(this.options) },
    );
    const begun = performance.now();
    if (this.guarded) await this.listenFor(PATIENCE, () => this.received.length > 0);
    if (this.received.length > 0) this.base = sequenceOf(this.received[0]!.bytes, 0);
    const times: number[] = [];
    for (const step of script.steps) {
      times.push(performance.now());
      await this.carryOut(step);
      if (step.do !== 'wait') await this.settled();
    }
    const outcome = await this.outcome();
    if (this.received.length > 0) this.base = sequenceOf(this.received[0]!.bytes, 0);
    const sent = this.received.flatMap(({ bytes }) => messageLines(bytes, this.base));
    const receivedIn = this.received.flatMap(({ at, bytes }) => {
      const after = times.findLastIndex((time) => time <= at);
      return messageLines(bytes, 0).map(() => after);
    });
    const silentFor = this.received.flatMap(({ at, bytes }, n) => {
      const silent = n === 0 ? Infinity : at - this.sentAfter(this.received[n - 1]!.at, times);
      return messageLines(bytes, 0).map(() => silent);
    });
    const course = {
      started: begun,
      base: this.base,
      times,
      ended: performance.now(),
      receivedIn,
      silentFor,
    };
    return { outcome: { ...outcome, sent }, course };
  }

  /** The earliest time at which what was received at this time can have been sent. */
  private sentAfter(receivedAt: number, times: readonly number[]): number {
    const step = times.findLastIndex((time) => time <= receivedAt);
    // A step begins when all that was sent before is received. While nothing is done, all is received soon.
    const begun = times[step] ?? receivedAt - TRANSIT_MS;
    return this.script.steps[step]?.do === 'wait' ? Math.max(begun, receivedAt - TRANSIT_MS) : begun;
  }

  /** What it holds: asked again if it said something meanwhile, for then it may have held something else before. */
  private async outcome(): Promise<Omit<Outcome, 'sent'>> {
    for (;;) {
      await this.settled();
      const before = this.received.length;
      const internal = listing(await this.ask(Request.DUMP_INTERNAL_CT));
      const external = listing(await this.ask(Request.DUMP_EXTERNAL_CT));
      const cache = await this.ask(Request.STATISTICS_CACHE);
      const network = await this.ask(Request.STATISTICS_NETWORK);
      const resendQueue = listing(await this.ask(Request.STATISTICS_RSQUEUE));
      const table = parseFlowTable(await this.bench.node.must('conntrack', ['-L', '-o', 'extended']));
      await this.settled();
      if (this.received.length > before) continue;
      return {
        internal,
        external,
        statistics: [...statisticLines(cache), ...statisticLines(sequences(network))],
        resendQueue,
        kernel: table.map(({ text }) => text),
        timeouts: this.options.commitTimeout === undefined ? table.map(({ timeout }) => timeout!) : [],
      };
    }
  }

  async close(): Promise<void> {
    clearInterval(this.ears);
    libc().close(this.peer);
    libc().close(this.third);
    await this.node?.kill();
  }
}

/** Without the state of the link. */
const sequences = (text: string): string => text.slice(0, text.indexOf('UDP traffic'));

function statisticLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '');
}

async function makeTable(bench: Bench, flows: readonly TestFlow[]): Promise<void> {
  await bench.node.must('conntrack', ['-F']);
  for (const flow of flows) {
    await bench.node.must('conntrack', conntrackArguments({ do: 'insert', flow }));
  }
}

let nodes = 0;

/** Has a real C node live through a script. */
export async function playReal(bench: Bench, script: Script): Promise<{ outcome: Outcome; course: Course }> {
  const directory = join(bench.directory, `node${++nodes}`);
  const run = new RealRun(bench, script);
  try {
    return await run.play(directory);
  } finally {
    await run.close();
    await rm(directory, { recursive: true, force: true });
  }
}
