import { setTimeout as sleep } from 'node:timers/promises';
import { Change } from '../../flow/change.ts';
import { WarmUpKernel } from '../../kernel/ctnetlink/warm-up-kernel.ts';
import { PROCESS_RUNTIME, type Runtime } from '../common/runtime.ts';
import { Log } from '../process/log.ts';
import { NodeCommands } from '../sync/node-commands.ts';
import { type NodeLinks, SyncNode, type SyncNodeOptions } from '../sync/sync-node.ts';
import { numberInKernel, PAYLOAD_LIMIT, warmUpRecords } from './warm-up-records.ts';

export interface WarmUpSize {
  /** Flows that live at a time. */
  readonly flows: number;
  /** How often they come, change and go. */
  readonly rounds: number;
}

/** After it nearly all is compiled: so many flows that tables grow, and that a bulk has to wait for the peer. */
export const FULL_WARM_UP: WarmUpSize = { flows: 4096, rounds: 4 };
/** Flows dealt with in one turn. */
const STEP = 64;
/** Milliseconds between two turns: what is found to be worth it is compiled meanwhile, by another thread, a few at a time. */
const PAUSE = 1;

/**
 * Lets two nodes in memory replicate a few flows to each other, so that the work is compiled before it counts. A
 * program that has just started does its first ten thousand events for several times the usual cost; and a stand-by
 * would commit for the first time in its life when the primary has died.
 *
 * The nodes are this node twice, with nothing outside: no kernel, no link, no log. Others get their turn in between.
 * @param atNormalPriority does a turn's work
 */
export async function warmUp(
  options: SyncNodeOptions,
  { flows, rounds }: WarmUpSize,
  goOn: () => boolean,
  atNormalPriority: (work: () => void) => void,
): Promise<void> {
  const begun = warmUpRecords(flows, false);
  const grown = warmUpRecords(flows, true);
  const [primary, backup] = pairOf(options);
  const all = async (change: Change): Promise<void> => {
    for (let first = 0; first < flows && goOn(); first += STEP) {
      const records = change === Change.NEW ? begun : grown;
      atNormalPriority(() => {
        primary.tell(change, records.slice(first, first + STEP), first);
        settle(primary, backup);
      });
      await sleep(PAUSE);
    }
  };
  for (let round = 0; round < rounds && goOn(); round++) {
    await all(Change.NEW);
    await all(Change.UPDATE);
    atNormalPriority(() => {
      primary.node.engine.sendBulk();
      primary.node.scheduleTransmit();
      settle(primary, backup);
    });
    await backup.commands.commit('flows');
    await all(Change.DESTROY);
  }
  for (const { node } of [primary, backup]) node.close();
}

/** One of the two nodes. */
class Station {
  readonly node: SyncNode;
  readonly commands: NodeCommands;
  peer: Station | undefined;
  private readonly kernel: WarmUpKernel;
  private readonly waiting: (() => void)[] = [];

  constructor(options: SyncNodeOptions) {
    this.kernel = new WarmUpKernel({
      timeout: options.commitTimeout === undefined,
      windowScale: options.tcpWindowTracking,
      fastPaths: options.fastPaths ?? true,
    });
    const links: NodeLinks = {
      payloadLimit: PAYLOAD_LIMIT,
      congested: false,
      send: (bytes, length) => this.peer?.hear(bytes.slice(0, length)),
      flush: () => {},
      heard: () => {},
    };
    const runtime: Runtime = {
      ...PROCESS_RUNTIME,
      after: () => () => {},
      timer: () => ({ set: () => {}, clear: () => {} }),
      every: () => () => {},
      defer: (act) => void this.waiting.push(act),
    };
    const silence = new Log(undefined, undefined, undefined);
    this.node = new SyncNode(this.kernel, links, silence, options, runtime);
    // As a commit of many flows is done.
    this.commands = new NodeCommands(this.node, 1);
  }

  /** This happened to the flows that have these records; the kernel's numbers of them are spread over all there are. */
  tell(change: Change, records: readonly Uint8Array[], first: number): void {
    for (const [n, record] of records.entries()) {
      this.kernel.queueEvent(change, record, numberInKernel(first + n));
    }
    this.node.reader.readSome();
  }

  /** Does what was to be done soon; false if there was nothing. */
  act(): boolean {
    const acts = this.waiting.splice(0);
    for (const act of acts) act();
    return acts.length > 0;
  }

  /** A datagram arrives when its sender has done what it is at. */
  private hear(datagram: Uint8Array): void {
    this.waiting.push(() => {
      this.node.datagram(0, 1, datagram, 0, datagram.length);
      this.node.drained();
    });
  }
}

function pairOf(options: SyncNodeOptions): [Station, Station] {
  const pair: [Station, Station] = [new Station(options), new Station(options)];
  [pair[0].peer, pair[1].peer] = [pair[1], pair[0]];
  return pair;
}

/** So often the nodes get their turn at most: in some modes one message brings another for ever. */
const TURNS = 100;

function settle(one: Station, other: Station): void {
  for (let turn = 0; turn < TURNS; turn++) {
    const acted = one.act();
    if (!other.act() && !acted) return;
  }
}
