import { beforeAll, describe, expect, test } from 'vitest';
import { type Lab, missingForLab, tcpLoad, withLab } from '../../sim/netns/lab.ts';
import {
  changeFlows,
  expectAllUnderstood,
  OUTAGE,
  OUTAGE_OVER,
  PROGRAMS,
  type ProgramName,
  untilEqual,
} from './equal-pair.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

const FLOWS = 200;
/** Flows that end, and as many that begin, while the backup hears nothing of it. */
const CHANGED = 50;
/** Within so many milliseconds of a fault's end the caches are equal again: C's end is seen by its silence alone. */
const HEALED_MS = { ours: 8000, C: 20_000 } as const;

async function startPair(lab: Lab, primary: ProgramName): Promise<void> {
  const configuration = { mode: 'NOTRACK' } as const;
  await lab.startNodes({
    a: { program: PROGRAMS[primary], configuration },
    b: { program: ourProgram, configuration },
  });
  await lab.a.load(tcpLoad(FLOWS));
  await lab.b.node().untilSize('external', FLOWS);
}

describe.each<ProgramName>(['ours', 'C'])(
  'in NOTRACK a backup of ours, beside %s, without a command',
  (primary) => {
    test('equals a primary that was killed and started again', async () => {
      await withLab({}, async (lab) => {
        await startPair(lab, primary);
        await lab.a.node().kill();
        await changeFlows(lab, FLOWS, CHANGED);
        await lab.a.start({ program: PROGRAMS[primary], configuration: { mode: 'NOTRACK' } });
        await untilEqual(lab, FLOWS, HEALED_MS[primary]);
        await expectAllUnderstood(lab);
      });
    });

    test('equals its primary after messages were lost', async () => {
      await withLab({}, async (lab) => {
        await startPair(lab, primary);
        await lab.b.namespace.nft(OUTAGE);
        await changeFlows(lab, FLOWS, CHANGED);
        await lab.b.namespace.nft(OUTAGE_OVER);
        await untilEqual(lab, FLOWS, HEALED_MS[primary]);
        await expectAllUnderstood(lab);
      });
    });

    test('has everything after its own restart, and so has its primary', async () => {
      await withLab({}, async (lab) => {
        await startPair(lab, primary);
        await lab.b.node().kill();
        await changeFlows(lab, FLOWS, CHANGED);
        await lab.b.start({ program: ourProgram, configuration: { mode: 'NOTRACK' } });
        await untilEqual(lab, FLOWS, HEALED_MS[primary]);
        await expectAllUnderstood(lab);
      });
    });
  },
);
