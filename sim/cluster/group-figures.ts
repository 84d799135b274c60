import { Framing, frameAt } from '../../src/wire/datagram.ts';
import { DATA_TYPE_MAX, lengthOf, typeOf } from '../../src/wire/header.ts';
import { checkHealed, checkNothingMissed } from './cluster-checks.ts';
import { FAIR_CONDITIONS } from './network.ts';
import { ScenarioCluster } from './scenarios/scenario.ts';
import { Violation } from './violation.ts';

const SIZES = [2, 4, 8, 16, 32];
const LOSSES = [0.01, 0.1, 0.3];
/** Seconds from the start until the nodes know each other. */
const START_SECONDS = 8;
const TRAFFIC_SECONDS = 5;
/** Flow events a virtual second, of all nodes together. */
const RATE = 200;
/** Seconds after which a group does not come to rest any more. */
const REST_SECONDS_MAX = 60;
/** Seconds between two looks whether the group is at rest. */
const LOOK_SECONDS = 0.05;

/** What a group sent for its traffic, and how long it took to come to rest while messages went on to be lost. */
export interface GroupFigures {
  readonly nodes: number;
  readonly loss: number;
  /** Flow events. */
  readonly events: number;
  /** Messages sent from the beginning of the traffic until the rest, repairs and keep-alives included. */
  readonly messages: number;
  /** Those of them that have a record. */
  readonly records: number;
  readonly datagrams: number;
  /** Virtual milliseconds from the end of the traffic until every node has everything and nothing is unacknowledged. */
  readonly restMs: number;
  /** Steps in that time: a datagram that is sent takes one or two for each other node. */
  readonly restSteps: number;
}

/**
 * Plays a group of ours in FT-FW whose datagrams are lost at random, the last one included.
 * @param isActive which nodes have traffic
 * @throws Violation if the group does not come to rest
 */
export async function measureGroup(
  nodes: number,
  loss: number,
  seed: number,
  isActive: (node: number) => boolean,
): Promise<GroupFigures> {
  const count = { messages: 0, records: 0, datagrams: 0 };
  const active = Array.from({ length: nodes }, (_, node) => node).filter(isActive);
  const scenario = new ScenarioCluster(
    'ours',
    nodes,
    { seed, active, multicast: true, rate: RATE / active.length, population: 100 },
    {},
    (event) => {
      if (event.what === 'sent') countMessages(event.datagram, count);
    },
  );
  const { cluster } = scenario;
  const { world } = cluster;
  await scenario.pass(START_SECONDS);
  cluster.network.setConditions(0, { ...FAIR_CONDITIONS, loss });
  Object.assign(count, { messages: 0, records: 0, datagrams: 0 });
  await scenario.traffic(TRAFFIC_SECONDS);
  const events = cluster.packets;
  const [stoppedAt, stepsBefore] = [world.now, world.steps];
  while (!isAtRest(cluster)) {
    if (world.now - stoppedAt > REST_SECONDS_MAX * 1000)
      throw new Violation('the group does not come to rest', `${nodes} nodes, ${100 * loss} % loss`);
    await scenario.pass(LOOK_SECONDS);
  }
  return {
    nodes,
    loss,
    events,
    ...count,
    restMs: world.now - stoppedAt,
    restSteps: world.steps - stepsBefore,
  };
}

function countMessages(
  datagram: Uint8Array,
  count: { messages: number; records: number; datagrams: number },
): void {
  count.datagrams++;
  for (let at = 0; frameAt(datagram, at, datagram.length) === Framing.MESSAGE; at += lengthOf(datagram, at)) {
    count.messages++;
    if (typeOf(datagram, at) <= DATA_TYPE_MAX) count.records++;
  }
}

function isAtRest(cluster: ScenarioCluster['cluster']): boolean {
  if (cluster.hosts.some(({ daemon }) => daemon!.unacknowledged > 0)) return false;
  try {
    checkHealed(cluster);
    checkNothingMissed(cluster);
    return true;
  } catch (error) {
    if (error instanceof Violation) return false;
    throw error;
  }
}

/** Prints a table of figures by group size and loss, the mean of so many seeds. */
export async function printGroupFigures(
  seed: number,
  runs: number,
  print: (text: string) => void,
): Promise<void> {
  for (const [title, isActive] of [
    ['one node has traffic', (node: number) => node === 0],
    ['every node has traffic', () => true],
  ] as const) {
    print(
      `\n${title}, ${RATE} flow events a second of all together for ${TRAFFIC_SECONDS} s; mean of ${runs}`,
    );
    print('nodes  loss   messages  records  datagrams   ms to  steps a node');
    print('                       an event               rest       to rest');
    for (const loss of LOSSES) {
      for (const nodes of SIZES) {
        const all: GroupFigures[] = [];
        for (let n = 0; n < runs; n++) all.push(await measureGroup(nodes, loss, seed + n, isActive));
        print(rowText(all));
      }
    }
  }
}

function rowText(all: readonly GroupFigures[]): string {
  const sum = (pick: (figures: GroupFigures) => number) => all.reduce((total, one) => total + pick(one), 0);
  const events = sum((one) => one.events);
  const [{ nodes, loss }] = all as [GroupFigures];
  const anEvent = (pick: (figures: GroupFigures) => number) => (sum(pick) / events).toFixed(2);
  return [
    String(nodes).padStart(5),
    `${100 * loss} %`.padStart(6),
    anEvent((one) => one.messages).padStart(10),
    anEvent((one) => one.records).padStart(9),
    anEvent((one) => one.datagrams).padStart(10),
    (sum((one) => one.restMs) / all.length).toFixed(0).padStart(8),
    (sum((one) => one.restSteps) / all.length / nodes).toFixed(0).padStart(14),
  ].join('');
}
