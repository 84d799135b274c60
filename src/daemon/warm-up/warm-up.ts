import { setTimeout as sleep } from 'node:timers/promises';
import { Change } from '../../flow/change.ts';
import { WarmUpKernel } from '../../kernel/ctnetlink/warm-up-kernel.ts';
import { timerFrom } from '../../system/loop/reusable-timer.ts';
import { type Cancel, PROCESS_RUNTIME, type Runtime } from '../common/runtime.ts';
import { Log } from '../process/log.ts';
import { NodeCommands } from '../sync/node-commands.ts';
import { SyncNode, type SyncNodeOptions } from '../sync/sync-node.ts';
import type { NodeLinks } from '../sync/transmitter.ts';
import { kernelIdOf, PAYLOAD_LIMIT, warmUpRecords } from './warm-up-records.ts';

export interface WarmUpSize {
  /** Flows that exist at a time. */
  readonly flows: number;
  /** How often they begin, change and end. */
  readonly rounds: number;
}

/** What a warm-up did. Without commands to commit, as with direct injection, nothing is committed. */
export interface WarmedUp {
  /** Datagrams that the backup took. */
  readonly received: number;
  /** Flows that the backup committed. */
  readonly committed: number;
}

/**
 * The size after which nearly everything is compiled. Short rounds do for less than a few long ones: V8 compiles a function
 * for what it has seen, and throws that away when a later part of the round shows it something else.
 */
export const FULL_WARM_UP: WarmUpSize = { flows: 1024, rounds: 6 };
/** Flows handled in one turn. */
const FLOWS_PER_TURN = 64;
/** Time between two turns, in which another thread compiles what has become hot. */
const PAUSE_MS = 1;
/** Rests of the nodes by their clock: longer than the time between two digests, and between two answered requests. */
const LONG_REST_MS = 61_000;
const SHORT_REST_MS = 3000;
/** A rest passes in such steps, in which the nodes say that they are there. */
const REST_STEP_MS = 1000;

/**
 * Lets two nodes in memory replicate a few flows to each other, so that the hot paths are compiled before they matter. In a
 * process that has just started the first ten thousand events cost several times as much as later ones; and a stand-by
 * commits for the first time when the primary has died.
 *
 * Both nodes have this node's options, and no kernel, link or log outside the process. Others get their turn in between.
 * @param isWanted whether to go on
 * @param atNormalPriority runs the work of a turn at normal priority
 */
export async function warmUp(
  options: SyncNodeOptions,
  { flows, rounds }: WarmUpSize,
  isWanted: () => boolean,
  atNormalPriority: (work: () => void) => void,
): Promise<WarmedUp> {
  const newFlows = warmUpRecords(flows, false);
  const answeredFlows = warmUpRecords(flows, true);
  const clock = new WarmUpClock();
  const [primary, backup] = pairOf(options, clock);
  await Promise.all([primary.node.start(false), backup.node.start(false)]);
  const changeAll = async (change: Change): Promise<void> => {
    for (let first = 0; first < flows && isWanted(); first += FLOWS_PER_TURN) {
      const records = change === Change.NEW ? newFlows : answeredFlows;
      atNormalPriority(() => {
        primary.giveEvents(change, records.slice(first, first + FLOWS_PER_TURN), first);
        runDeferredOf(primary, backup);
      });
      await sleep(PAUSE_MS);
    }
  };
  const rest = (ms: number): void => {
    for (let left = ms; left > 0 && isWanted(); left -= REST_STEP_MS) {
      clock.advance(REST_STEP_MS);
      runDeferredOf(primary, backup);
    }
  };
  // Without an internal cache a bulk brings what the kernel has, and this one has nothing.
  const canAnswer = options.mode !== 'alarm' && !options.disableInternalCache;
  for (let round = 0; round < rounds && isWanted(); round++) {
    await changeAll(Change.NEW);
    await changeAll(Change.UPDATE);
    atNormalPriority(() => {
      // A bulk comes to an empty cache, or to a full one.
      if (canAnswer && round % 2 === 0) backup.commands.flushExternal();
      backup.commands.requestResync();
      runDeferredOf(primary, backup);
      rest(round === 0 ? LONG_REST_MS : SHORT_REST_MS);
    });
    await backup.commands.commit('flows');
    await changeAll(Change.DESTROY);
  }
  for (const { node } of [primary, backup]) node.close();
  return { received: backup.received, committed: backup.node.counters.committed };
}

/** The clock of both nodes. It runs as the process's own does, and can be advanced. */
class WarmUpClock {
  private skewMs = 0;
  private readonly timers = new Set<{ readonly at: number; readonly act: () => void }>();

  now(): number {
    return PROCESS_RUNTIME.now() + this.skewMs;
  }

  after(delayMs: number, act: () => void): Cancel {
    const timer = { at: this.now() + delayMs, act };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Fires the timers that are due then. */
  advance(ms: number): void {
    this.skewMs += ms;
    const now = this.now();
    for (const timer of [...this.timers]) {
      if (timer.at <= now && this.timers.delete(timer)) timer.act();
    }
  }
}

/** One of the two nodes, with its kernel and what it has deferred. */
class WarmUpNode {
  readonly node: SyncNode;
  readonly commands: NodeCommands;
  peer: WarmUpNode | undefined;
  /** Datagrams taken from the peer. */
  received = 0;
  private readonly kernel: WarmUpKernel;
  private deferred: (() => void)[] = [];

  constructor(options: SyncNodeOptions, clock: WarmUpClock) {
    this.kernel = new WarmUpKernel({
      timeout: options.commitTimeout === undefined,
      windowScale: options.tcpWindowTracking,
      fastPaths: options.fastPaths ?? true,
    });
    const links: NodeLinks = {
      payloadLimit: PAYLOAD_LIMIT,
      congested: false,
      send: (bytes, length) => this.peer?.receive(bytes.slice(0, length)),
      flush: () => {},
      markCurrent: () => {},
    };
    const runtime: Runtime = {
      ...PROCESS_RUNTIME,
      now: () => clock.now(),
      after: (delayMs, act) => clock.after(delayMs, act),
      timer: (act) => timerFrom((delayMs, due) => clock.after(delayMs, due), act),
      every: () => () => {},
      defer: (act) => void this.deferred.push(act),
    };
    const silentLog = new Log(undefined, undefined, undefined);
    this.node = new SyncNode(this.kernel, links, silentLog, options, runtime);
    // 1: a quiet commit, as of many flows.
    this.commands = new NodeCommands(this.node, 1);
  }

  /** Gives the node an event of each of these flows. @param first index of the first one */
  giveEvents(change: Change, records: readonly Uint8Array[], first: number): void {
    for (const [n, record] of records.entries()) {
      this.kernel.queueEvent(change, record, kernelIdOf(first + n));
    }
    this.node.reader.readSome();
  }

  /** Runs what the node has deferred. Returns whether there was anything. */
  runDeferred(): boolean {
    const { deferred } = this;
    this.deferred = [];
    for (const act of deferred) act();
    return deferred.length > 0;
  }

  /** Defers the arrival of a datagram until its sender has finished its turn. */
  private receive(datagram: Uint8Array): void {
    this.deferred.push(() => {
      this.received++;
      this.node.handleDatagram(0, 1, datagram, 0, datagram.length);
      this.node.handleDrained();
    });
  }
}

function pairOf(options: SyncNodeOptions, clock: WarmUpClock): [WarmUpNode, WarmUpNode] {
  const pair: [WarmUpNode, WarmUpNode] = [new WarmUpNode(options, clock), new WarmUpNode(options, clock)];
  [pair[0].peer, pair[1].peer] = [pair[1], pair[0]];
  return pair;
}

/** Turns of the nodes at most: in some modes every message is answered by another. */
const TURNS_MAX = 100;

/** Lets both nodes run what they have deferred until nothing is left. */
function runDeferredOf(one: WarmUpNode, other: WarmUpNode): void {
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    const hasRun = one.runDeferred();
    if (!other.runDeferred() && !hasRun) return;
  }
}
