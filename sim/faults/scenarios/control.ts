import { rmSync } from 'node:fs';
import { setTimeout as elapse } from 'node:timers/promises';
import { Request } from '../../../src/control/codes.ts';
import { Random } from '../../random.ts';
import type { Outcome, Scenario } from '../scenario.ts';
import { type Clients, HALF_REQUEST, openClients, openReaders } from '../stage/clients.ts';
import { compareWithKernel } from '../stage/comparison.ts';
import { answerTimeMs } from '../stage/observe.ts';
import type { Stage } from '../stage/stage.ts';

const ANSWER_MS_MAX = 3_000;
const HELD_MS = 2_000;
const GARBAGE_SEED = 7;

/** Whether the primary answers, and whether replication goes on, while clients misbehave. */
async function under(stage: Stage, open: (path: string) => Clients): Promise<Outcome> {
  const churn = await stage.churn();
  const clients = open(stage.node('a').paths.controlSocket);
  try {
    await elapse(HELD_MS);
    const answerMs = await answerTimeMs(stage.node('a'));
    await churn.stop();
    const recovery = await stage.recovery(performance.now(), () =>
      compareWithKernel(stage.active, stage.standby),
    );
    return { ...recovery, answerMs };
  } finally {
    clients.close();
  }
}

function scenario(name: string, title: string, open: (path: string) => Clients): Scenario {
  return { name, title, target: { answerMsMax: ANSWER_MS_MAX }, run: (stage) => under(stage, open) };
}

function garbage(path: string): Clients {
  const random = Random.forStream(GARBAGE_SEED);
  const bytes = Uint8Array.from({ length: 4_096 }, () => random.below(256));
  return openClients(path, 20, bytes);
}

const COMES_BACK_MS = 15_000;

/** The socket's file is gone, as when /run is tidied up. */
const socketRemoved: Scenario = {
  name: 'control-socket-removed',
  title: 'control socket file removed, replication and the socket',
  target: { answerMsMax: COMES_BACK_MS },
  async run(stage) {
    const node = stage.node('a');
    const churn = await stage.churn();
    rmSync(node.paths.controlSocket);
    const begin = performance.now();
    let isBack = false;
    while (!isBack && performance.now() - begin < COMES_BACK_MS) {
      await elapse(200);
      isBack = Number.isFinite(await answerTimeMs(node));
    }
    const answerMs = isBack ? performance.now() - begin : Number.POSITIVE_INFINITY;
    await churn.stop();
    const compare = () => compareWithKernel(stage.active, stage.standby);
    return { ...(await stage.recovery(performance.now(), compare)), answerMs };
  },
};

/** What clients of the control socket can do. */
export const CONTROL: readonly Scenario[] = [
  scenario('control-idle', '500 idle clients of the control socket', (path) => openClients(path, 500)),
  scenario('control-half', '20 clients with half a request', (path) => openClients(path, 20, HALF_REQUEST)),
  scenario('control-unread', '10 clients that ask for a dump and never read', (path) =>
    openReaders(path, 10, Request.DUMP_INTERNAL_CT),
  ),
  scenario('control-garbage', '20 clients that send garbage', garbage),
  socketRemoved,
];
