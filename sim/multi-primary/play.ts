import { setTimeout as sleep } from 'node:timers/promises';
import { makeEvents } from '../load/make-events.ts';
import type { Crowd } from '../netns/crowd.ts';
import { openScope } from '../netns/scope.ts';
import { until } from '../netns/until.ts';
import {
  type ActiveFirewall,
  type Member,
  type Routes,
  Stage,
  type StageMode,
  UDP_TIMEOUT_S,
} from './stage.ts';

/** A line of a connection every so often, in ms. */
const INTERVAL_MS = 200;
/** Quiet flows that begin in a second, which no event buffer is too small for. */
const QUIET_RATE = 10_000;
/** Nodes know each other after some 3 s. */
const ACQUAINTED_MS = 4000;
/** Time for TCP to send again what a dead firewall swallowed, in ms. */
const RECOVERY_MS = 12_000;

export interface Row {
  readonly name: string;
  readonly members: readonly Member[];
  /** By default `ecmp`. */
  readonly routes?: Routes;
  readonly connections: number;
  /** Flows without packets beside them, which begin in equal parts on all firewalls; 0 unless given. */
  readonly quietFlows?: number;
}

export interface RowResult {
  /** Packets of the client, and of the server, in a second, by firewall. */
  readonly packets: readonly { readonly fromClient: number; readonly fromServer: number }[];
  /** Connections that were not served any more after each firewall had died and all were there again. */
  readonly broken: readonly number[];
  /** By firewall: how many of the quiet flows its kernel has in the end; 0 where it is dead. */
  readonly quiet: readonly number[];
}

/**
 * Opens connections through all firewalls, and lets each firewall die in turn: its routes go, its kernel forgets everything, and it
 * comes back, but for the last one, once it has what the others have.
 */
export async function playRow({
  members,
  routes = 'ecmp',
  connections,
  quietFlows = 0,
}: Row): Promise<RowResult> {
  const scope = openScope();
  try {
    const stage = await Stage.open(scope, { members, mode: 'FTFW', routes });
    const { firewalls } = stage;
    const replicates = members.every(({ program }) => program !== undefined);
    if (replicates) await sleep(ACQUAINTED_MS);
    if (quietFlows > 0) await beginQuietFlows(stage, quietFlows);
    const crowd = await stage.openConnections(connections, INTERVAL_MS);
    if (replicates) await stage.untilShared(connections);
    const before = await packetsOf(stage);
    await sleep(1000);
    const after = await packetsOf(stage);
    const packets = after.map(({ fromClient, fromServer }, n) => ({
      fromClient: fromClient - before[n]!.fromClient,
      fromServer: fromServer - before[n]!.fromServer,
    }));

    const broken: number[] = [];
    for (const firewall of firewalls) {
      const others = firewalls.filter((other) => other !== firewall);
      broken.push(await brokenByDeath(stage, firewall, others, crowd, connections));
      // One of ours that comes back beside C lacks what C has never changed: see docs/multi-primary.md.
      if (!replicates || firewall === firewalls.at(-1)) break;
      await firewall.comeBack();
      await stage.untilShared(connections - broken.at(-1)!, [firewall]);
      await stage.untilQuiet(quietFlows, [firewall]);
      await stage.route(firewalls);
    }
    const quiet = await Promise.all(firewalls.map((firewall) => firewall.quietFlows()));
    return { packets, broken, quiet };
  } finally {
    await scope.close();
  }
}

/** Lets one firewall die, and says how many connections are not served through the others then. */
async function brokenByDeath(
  stage: Stage,
  firewall: ActiveFirewall,
  others: readonly ActiveFirewall[],
  crowd: Crowd,
  connections: number,
): Promise<number> {
  await firewall.die();
  await stage.route(others);
  crowd.mark();
  const served = async (): Promise<number> => (await crowd.status()).served;
  await until(
    'all connections to go on',
    async () => (await served()) === connections,
    RECOVERY_MS,
    200,
  ).catch(() => false);
  return connections - (await served());
}

/**
 * Opens connections through all firewalls, and lets one after the other die for good, until one is left. Returns how many connections
 * were not served any more after each death.
 */
export async function playDeaths(
  members: readonly Member[],
  mode: StageMode,
  connections: number,
): Promise<readonly number[]> {
  const scope = openScope();
  try {
    const stage = await Stage.open(scope, { members, mode, routes: 'ecmp' });
    await sleep(ACQUAINTED_MS);
    const crowd = await stage.openConnections(connections, INTERVAL_MS);
    await stage.untilShared(connections);
    const broken: number[] = [];
    for (let left = stage.firewalls; left.length > 1; left = left.slice(1))
      broken.push(await brokenByDeath(stage, left[0]!, left.slice(1), crowd, connections));
    return broken;
  } finally {
    await scope.close();
  }
}

async function beginQuietFlows(stage: Stage, flows: number): Promise<void> {
  const { firewalls } = stage;
  const count = Math.ceil(flows / firewalls.length);
  for (const [n, { namespace }] of firewalls.entries())
    await makeEvents(namespace, {
      change: 'new',
      first: n * count,
      count: Math.min(count, flows - n * count),
      rate: QUIET_RATE,
    });
  await stage.untilQuiet(flows);
}

async function packetsOf({ firewalls }: Stage): Promise<RowResult['packets']> {
  return Promise.all(
    firewalls.map(async (firewall) => ({
      fromClient: await firewall.packetsIn('in0'),
      fromServer: await firewall.packetsIn('out0'),
    })),
  );
}

export interface StreamResult {
  /** By firewall: how many of the streams its kernel has after more than two timeouts of packets through the first one alone. */
  readonly streams: readonly number[];
  /** Whether the stream goes on through the others when the first one is dead. */
  readonly goesOn: boolean;
  /** By firewall that is left: how many its kernel has when all has been silent for its timeout. */
  readonly afterwards: readonly number[];
}

/** A UDP stream, which makes no events, passes the first firewall alone until that dies; then it ends. */
export async function playStream(members: readonly Member[]): Promise<StreamResult> {
  const scope = openScope();
  try {
    const stage = await Stage.open(scope, { members, mode: 'FTFW', routes: 'ecmp' });
    const { firewalls } = stage;
    const [first, ...others] = firewalls;
    await sleep(ACQUAINTED_MS);
    await stage.route([first!]);
    const stream = await stage.openStream();
    const endAt = performance.now() + 2.2 * UDP_TIMEOUT_S * 1000;
    while (performance.now() < endAt) {
      await stream.exchange();
      await sleep(1000);
    }
    const streams = await Promise.all(firewalls.map((firewall) => firewall.streams()));
    await first!.die();
    await stage.route(others);
    const { ok } = await stream.exchange();
    await stream.close();
    await sleep((UDP_TIMEOUT_S + 12) * 1000);
    const afterwards = await Promise.all(others.map((firewall) => firewall.streams()));
    return { streams, goesOn: ok, afterwards };
  } finally {
    await scope.close();
  }
}
