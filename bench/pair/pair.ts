import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type ConfigurationOptions,
  type ConntrackdNode,
  cProgram,
  javascriptProgram,
  type Lab,
  type LabOptions,
  launcherProgram,
  type Program,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import type { Contender, Implementation, Limited } from '../figure.ts';
import { cacheSize } from './ask.ts';
import { type Cpu, cpuBetween, isRunnable, readCpu } from './usage.ts';

/** Our built program, next to this module. */
const MAIN = fileURLToPath(new URL('../../program/main.js', import.meta.url));

/** Experimental options for the Node that runs our nodes: `BENCH_NODE_ARGS="--max-semi-space-size=1"`. */
const NODE_ARGS = (process.env.BENCH_NODE_ARGS ?? '').split(' ').filter((word) => word !== '');

/** Another Node that our nodes run on as well: `BENCH_OTHER_NODE=/path/to/node`. */
export const OTHER_NODE = process.env.BENCH_OTHER_NODE;

export const PROGRAMS: Readonly<Record<Contender, Program>> = {
  c: cProgram,
  ours: javascriptProgram(MAIN, process.execPath, NODE_ARGS),
  other: javascriptProgram(MAIN, OTHER_NODE ?? process.execPath, NODE_ARGS),
};

const LAUNCHER = fileURLToPath(new URL('../../../bin/conntrackd-ts', import.meta.url));

/** The programs that scripts call. */
export const CLIENTS: Readonly<Record<Implementation, Program>> = {
  c: cProgram,
  ours: launcherProgram(LAUNCHER),
};

/** Milliseconds allowed for work on a whole table, on a machine that others use too. */
export const TIMEOUT_MS = 120_000;

/** The configuration of both nodes of every pair: room for the flows, and buffers that hold a burst of them. */
export function roomyConfiguration(flows: number): ConfigurationOptions {
  return {
    mode: 'FTFW',
    transport: 'UDP',
    inMode: ['ResendQueueSize 262144'],
    inTransport: ['SndSocketBuffer 16777216', 'RcvSocketBuffer 16777216', 'Checksum on'],
    inGeneral: [
      'HashSize 131072',
      `HashLimit ${Math.max(524_288, 2 * flows)}`,
      'NetlinkBufferSize 536870912',
      'NetlinkBufferSizeMaxGrowth 536870912',
    ],
  };
}

/** The same for nodes without external caches, which write what they receive into their kernels at once. */
export function hotConfiguration(flows: number): ConfigurationOptions {
  const { inMode = [], ...rest } = roomyConfiguration(flows);
  return { ...rest, inMode: [...inMode, 'DisableExternalCache on'] };
}

/** Two nodes of one kind: A is the primary, B the backup. */
export interface Pair {
  readonly contender: Contender;
  readonly lab: Lab;
  readonly primary: ConntrackdNode;
  readonly backup: ConntrackdNode;
}

export interface PairOptions {
  readonly lab?: LabOptions;
  readonly configuration: ConfigurationOptions;
  /** The backup's configuration, where it differs. */
  readonly backup?: ConfigurationOptions;
  /** The text of the settings file that our nodes get; by default none. */
  readonly settings?: string;
}

/** Runs `work` with a pair whose nodes have found each other. */
export async function withPair<T>(
  contender: Contender,
  { lab: labOptions = {}, configuration, backup = configuration, settings }: PairOptions,
  work: (pair: Pair) => Promise<T>,
): Promise<T> {
  return withLab(labOptions, async (lab) => {
    const node = {
      program: PROGRAMS[contender],
      startTimeout: TIMEOUT_MS,
      ...(contender !== 'c' && settings !== undefined ? { settings: () => settings } : {}),
    };
    await lab.startNodes({
      a: { ...node, configuration },
      b: { ...node, configuration: backup },
    });
    await lab.settled(TIMEOUT_MS);
    const found = await work({ contender, lab, primary: lab.a.node(), backup: lab.b.node() });
    // A process writes its profile only when it exits normally.
    if (NODE_ARGS.length > 0) await Promise.all([lab.a.node().stop(), lab.b.node().stop()]);
    return found;
  });
}

/** The CPU time that each node took while `work` ran. */
export interface PairCpu {
  readonly primary: Cpu;
  readonly backup: Cpu;
}

/** Microseconds of CPU for each of so many things, with the kernel's part as the limit. */
export function eachOf({ us, kernelUs }: Cpu, count: number): Limited {
  return { value: us / count, limit: kernelUs === undefined ? undefined : kernelUs / count };
}

/** CPU time in milliseconds, likewise. */
export function millisecondsOf(cpu: Cpu): Limited {
  return eachOf(cpu, 1000);
}

/** A time in milliseconds that is no shorter than what either node spent in the kernel meanwhile. */
export function timeBeside(ms: number, { primary, backup }: PairCpu): Limited {
  const parts = [primary, backup].flatMap(({ kernelUs }) => kernelUs ?? []);
  return { value: ms, limit: parts.length === 0 ? undefined : Math.max(...parts) / 1000 };
}

export async function cpuOf({ primary, backup }: Pair, work: () => Promise<unknown>): Promise<PairCpu> {
  const [first, second] = await cpuOfNodes([primary, backup], work);
  return { primary: first!, backup: second! };
}

/** The CPU time that each of these nodes took while `work` ran. */
export async function cpuOfNodes(
  nodes: readonly ConntrackdNode[],
  work: () => Promise<unknown>,
): Promise<Cpu[]> {
  const begin = nodes.map(({ pid }) => readCpu(pid));
  await work();
  return nodes.map(({ pid }, n) => cpuBetween(begin[n]!, readCpu(pid)));
}

/** Microseconds of CPU between two polls: a heartbeat takes less, and any work more. */
const QUIET_CPU_US = 3_000;
const CHECK_EVERY_MS = 100;
const QUIET_CHECKS = 3;

/** Waits until both nodes do nothing but send their heartbeat. Costs the nodes nothing. */
export function untilQuiet({ primary, backup }: Pair): Promise<void> {
  return untilNodesQuiet([primary, backup]);
}

/** The same for these nodes. */
export async function untilNodesQuiet(nodes: readonly ConntrackdNode[]): Promise<void> {
  let quiet = 0;
  const deadline = performance.now() + TIMEOUT_MS;
  while (quiet < QUIET_CHECKS) {
    const taken = await cpuOfNodes(nodes, () => sleep(CHECK_EVERY_MS));
    // On a busy machine a node may not get a processor for longer than a poll interval.
    const still = taken.every(({ us }) => us < QUIET_CPU_US) && !nodes.some(({ pid }) => isRunnable(pid));
    quiet = still ? quiet + 1 : 0;
    if (performance.now() > deadline) throw new Error(`the nodes were not quiet within ${TIMEOUT_MS} ms`);
  }
}

export async function untilCached(
  node: ConntrackdNode,
  which: 'internal' | 'external',
  count: number,
  interval = 50,
): Promise<void> {
  await until(
    `${count} flows in an ${which} cache`,
    async () => {
      const size = await cacheSize(node, which);
      if (size !== count) throw new Error(`it holds ${size}`);
      return true;
    },
    TIMEOUT_MS,
    interval,
  );
}

/** Fails unless both nodes and the primary's kernel hold this many flows. */
export async function expectReplicated(pair: Pair, count: number): Promise<void> {
  const [kernel, internal, external] = [
    await pair.lab.a.flowCount(),
    await cacheSize(pair.primary, 'internal'),
    await cacheSize(pair.backup, 'external'),
  ];
  if (kernel !== count || internal !== count || external !== count) {
    throw new Error(
      `expected ${count} flows: the kernel has ${kernel}, the internal cache ${internal}, the external cache ${external}`,
    );
  }
}
