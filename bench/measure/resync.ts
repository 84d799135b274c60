import { setTimeout as sleep } from 'node:timers/promises';
import { Request } from '../../src/control/codes.ts';
import type { Measure } from '../figure.ts';
import { fill } from '../load/fill.ts';
import { ask } from '../pair/ask.ts';
import {
  cpuOf,
  eachOf,
  expectReplicated,
  type Pair,
  roomyConfiguration,
  timeBeside,
  untilCached,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';
import { timed } from '../pair/timed.ts';

/** Milliseconds between two polls of the backup's cache while the bench times the resync. */
const CHECK_EVERY_MS = 5;
/** The same while the bench measures the CPU: a poll costs a node some 0.1 ms. */
const LOOK_SELDOM = 200;
/** Ours sends so many records a second on request, on average: a request that comes sooner after the last one waits. */
const RECORDS_A_SECOND = 50_000;

/**
 * The empty backup requests the whole table: once with few polls, for the CPU; once with many, for the time. Then the
 * primary sends the table to a backup that has it already.
 */
export const resync: Measure = {
  name: 'resync',
  figures: () => [
    { id: 'resync-cpu-sender', title: 'CPU an entry, bulk resync, sender', unit: 'us', target: 0.75 },
    { id: 'resync-cpu-receiver', title: 'CPU an entry, bulk resync, receiver', unit: 'us', target: 0.75 },
    { id: 'resync-time', title: 'bulk resync, time', unit: 'ms', target: 1 },
    { id: 'again-cpu-sender', title: 'CPU an entry, bulk sent to a full cache, sender', unit: 'us' },
    { id: 'again-cpu-receiver', title: 'CPU an entry, bulk sent to a full cache, receiver', unit: 'us' },
  ],
  run: (contender, { flows }) =>
    withPair(contender, { configuration: roomyConfiguration(flows) }, async (pair) => {
      const { lab, primary, backup } = pair;
      await fill(lab.a, flows);
      await untilCached(backup, 'external', flows);

      await empty(pair);
      const cpu = await cpuOf(pair, async () => {
        await ask(backup, Request.REQUEST_RESYNC);
        await untilCached(backup, 'external', flows, LOOK_SELDOM);
        await untilQuiet(pair);
      });
      await expectReplicated(pair, flows);

      await empty(pair);
      await sleep(1000 + (flows / RECORDS_A_SECOND) * 1000);
      const time = await timed(async () => {
        await ask(backup, Request.REQUEST_RESYNC);
        await untilCached(backup, 'external', flows, CHECK_EVERY_MS);
      });
      await expectReplicated(pair, flows);

      await untilQuiet(pair);
      const again = await cpuOf(pair, async () => {
        await ask(primary, Request.SEND_BULK);
        await untilQuiet(pair);
      });
      await expectReplicated(pair, flows);
      return {
        'resync-cpu-sender': eachOf(cpu.primary, flows),
        'resync-cpu-receiver': eachOf(cpu.backup, flows),
        'resync-time': timeBeside(time, cpu),
        'again-cpu-sender': eachOf(again.primary, flows),
        'again-cpu-receiver': eachOf(again.backup, flows),
      };
    }),
};

async function empty(pair: Pair): Promise<void> {
  await ask(pair.backup, Request.FLUSH_EXTERNAL);
  await untilCached(pair.backup, 'external', 0);
  await untilQuiet(pair);
}
