import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as elapse } from 'node:timers/promises';
import { Request } from '../../../src/control/codes.ts';
import { askNode } from '../../netns/ask.ts';
import { configurationText } from '../../netns/configuration.ts';
import { run } from '../../netns/process.ts';
import type { Scenario } from '../scenario.ts';
import { HALF_REQUEST, openClients } from '../stage/clients.ts';
import { compareWithKernel } from '../stage/comparison.ts';
import { answerTimeMs } from '../stage/observe.ts';

const ANSWER_MS_MAX = 10_000;
const WITHOUT_MS = 3_000;
const CLIENTS = 20;

/** What is open stays open, and no further descriptor is given, as when a leak has used up all. */
const descriptors: Scenario = {
  name: 'few-descriptors',
  title: `primary has no file descriptor left for 3 s while ${CLIENTS} clients come`,
  target: { answerMsMax: ANSWER_MS_MAX },
  async run(stage) {
    const node = stage.node('a');
    const limit = (count: number) => run('prlimit', [`--pid=${node.pid}`, `--nofile=${count}:4096`]);
    const churn = await stage.churn();
    await limit(1);
    const clients = openClients(node.paths.controlSocket, CLIENTS, HALF_REQUEST);
    await elapse(WITHOUT_MS);
    clients.close();
    await limit(1_024);
    const begin = performance.now();
    let answerMs = Number.POSITIVE_INFINITY;
    while (!Number.isFinite(answerMs) && performance.now() - begin < ANSWER_MS_MAX) {
      await elapse(100);
      if (Number.isFinite(await answerTimeMs(node, 1_000))) answerMs = performance.now() - begin;
    }
    await churn.stop();
    const compare = () => compareWithKernel(stage.active, stage.standby);
    return { ...(await stage.recovery(performance.now(), compare)), answerMs };
  },
};

const DISK_KIB = 256;
const REQUESTS = 50;

/** The primary, started again in a mount namespace whose disk for the log has no room left. */
const diskFull: Scenario = {
  name: 'log-disk-full',
  title: "disk of the primary's log full",
  target: { answerMsMax: ANSWER_MS_MAX },
  async run(stage) {
    const { lab } = stage;
    const disk = join(lab.directory, 'disk');
    mkdirSync(disk);
    const { program, ...options } = stage.optionsOf('a', { inMode: ['StartupResync on'] });
    const script = `mount -t tmpfs -o size=${DISK_KIB}k tmpfs ${disk}; dd if=/dev/zero of=${disk}/fill bs=1k 2>/dev/null || :; exec "$@"`;
    const configuration = options.configuration;
    if (typeof configuration === 'function') throw new Error('a configuration in words is needed');
    await stage.node('a').stop();
    const node = await lab.a.start({
      ...options,
      program: {
        command: 'unshare',
        args: ['--mount', 'sh', '-ec', script, 'sh', program!.command, ...program!.args],
        ...(program!.env === undefined ? {} : { env: program!.env }),
      },
      configuration: (place) =>
        configurationText({ ...place, paths: { ...place.paths, logFile: join(disk, 'log') } }, configuration),
    });
    // Each brings a line of log.
    for (let n = 0; n < REQUESTS; n++) {
      await askNode(node.paths.controlSocket, Request.REQUEST_RESYNC).catch(() => {});
    }
    const churn = await stage.churn();
    await elapse(WITHOUT_MS);
    const answerMs = await answerTimeMs(node);
    await churn.stop();
    return { ...(await stage.recovery()), answerMs };
  },
};

/** What a host may run out of. */
export const RESOURCES: readonly Scenario[] = [descriptors, diskFull];
