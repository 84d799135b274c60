import { beforeAll, describe, expect, test } from 'vitest';
import { type Lab, missingForLab, tcpLoad, until, withLab } from '../../sim/netns/lab.ts';
import {
  changeFlows,
  expectAllUnderstood,
  OUTAGE,
  OUTAGE_OVER,
  PROGRAMS,
  type ProgramName,
  untilEqual,
} from './equal-pair.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

const FLOWS = 300;
/** Flows that end, and as many that begin, while a daemon is away. */
const CHANGED = 100;
/** Within so many milliseconds of a fault's end the caches are equal again. */
const HEALED_MS = 5000;

/** Waits until `-s --in-sync` on B ends with this code and prints such a line. */
async function untilInSync({ b }: Lab, code: 0 | 1, line: RegExp): Promise<void> {
  await until(`--in-sync ends with ${code} and ${line}`, async () => {
    const result = await b.node().client(['-s', '--in-sync']);
    return result.code === code && line.test(result.stdout.trim());
  });
}

/** A pair whose primary, A, has all flows, and whose backup knows them. */
async function startPair(lab: Lab, primary: ProgramName, backup: ProgramName, inMode: string[] = []) {
  const configuration = { inMode };
  await lab.startNodes({
    a: { program: PROGRAMS[primary], configuration },
    b: { program: PROGRAMS[backup], configuration },
  });
  await lab.settled();
  await lab.a.load(tcpLoad(FLOWS));
  await lab.b.node().untilSize('external', FLOWS);
}

/** How many messages left A's resend queue because it was full. */
async function evictions({ a }: Lab): Promise<number> {
  const text = await a.node().command('-s', 'queue');
  return Number(/queue rsqueue:[\s\S]*?not enough space errors:\s+(\d+)/.exec(text)?.[1] ?? 0);
}

describe('without a command and without StartupResync', () => {
  test.each<ProgramName>(['ours', 'C'])(
    'a backup of ours equals a primary, %s, that was killed and started again',
    async (primary) => {
      await withLab({}, async (lab) => {
        await startPair(lab, primary, 'ours');
        await untilInSync(lab, 0, /^in sync: 300 flows of 1 peer, heard \d+ ms ago$/);
        await lab.a.node().kill();
        await changeFlows(lab, FLOWS, CHANGED);
        await untilInSync(lab, 1, /^not in sync: no message of a peer for \d+ s$/);
        expect(lab.b.node().log()).toContain('no message of a peer for 5 seconds');
        await lab.a.start({ program: PROGRAMS[primary] });
        await untilEqual(lab, FLOWS, HEALED_MS);
        await untilInSync(lab, 0, /^in sync: 300 flows/);
        await expectAllUnderstood(lab);
      });
    },
  );

  test.each<[ProgramName, ProgramName]>([
    ['ours', 'C'],
    ['C', 'ours'],
  ])('with a primary, %s, a backup, %s, has everything that was killed and started again', async (a, b) => {
    await withLab({}, async (lab) => {
      await startPair(lab, a, b);
      await lab.b.node().kill();
      await changeFlows(lab, FLOWS, CHANGED);
      await lab.b.start({ program: PROGRAMS[b] });
      await untilEqual(lab, FLOWS, HEALED_MS);
      // C does not ask by itself: its request is answered with a flag that it does not know.
      await lab.b.node().command('-n');
      await until('A answers', () => lab.a.node().log().includes('resync requested by other node'));
      await untilEqual(lab, FLOWS, HEALED_MS);
      await expectAllUnderstood(lab);
    });
  });

  test.each<ProgramName>(['ours', 'C'])(
    'a backup, %s, has everything after an outage longer than the resend queue',
    async (backup) => {
      await withLab({}, async (lab) => {
        await startPair(lab, 'ours', backup, ['ResendQueueSize 50']);
        await lab.b.namespace.nft(OUTAGE);
        const before = await evictions(lab);
        await lab.a.load(tcpLoad(CHANGED, { first: FLOWS }));
        const all = FLOWS + CHANGED;
        const evicted = async (): Promise<number> => (await evictions(lab)) - before;
        await until('more is lost than the queue holds', async () => (await evicted()) >= CHANGED / 4);
        await lab.b.namespace.nft(OUTAGE_OVER);
        await lab.b.node().untilSize('external', all, HEALED_MS);
        if (backup === 'C') expect(lab.b.node().log()).toContain('resync requested by other node');
        await expectAllUnderstood(lab);
      });
    },
  );
});
