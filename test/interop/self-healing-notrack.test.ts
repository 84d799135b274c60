import { beforeAll, describe, expect, test } from 'vitest';
import {
  cProgram,
  type Lab,
  missingForLab,
  type Side,
  tcpLoad,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

const FLOWS = 200;
/** Flows that end, and as many that begin, while the backup hears nothing of it. */
const CHANGED = 50;
const OUTAGE = `
table inet outage {
  chain arriving {
    type filter hook prerouting priority -400; policy accept;
    iifname "sync0" drop
  }
}
`;
/** Within so many milliseconds of a fault's end the caches are equal again: C's end is seen by its silence alone. */
const HEALED_MS = { ours: 8000, C: 20_000 } as const;

const PROGRAMS = { ours: ourProgram, C: cProgram } as const;
type ProgramName = keyof typeof PROGRAMS;

async function sources(lab: Lab, side: Side, which: 'internal' | 'external'): Promise<string> {
  const flows = await lab[side].node().cache(which);
  return flows
    .map(({ original }) => `${original.src}:${original.sport}`)
    .sort()
    .join(' ');
}

/** Waits until B has what A has, no less and no more. */
async function untilEqual(lab: Lab, withinMs: number): Promise<void> {
  const isEqual = async (): Promise<boolean> =>
    (await sources(lab, 'a', 'internal')) === (await sources(lab, 'b', 'external'));
  await until("the external cache of B is A's internal cache", isEqual, withinMs);
  expect((await lab.b.node().sizes()).external).toBe(FLOWS);
}

async function startPair(lab: Lab, primary: ProgramName): Promise<void> {
  const configuration = { mode: 'NOTRACK' } as const;
  await lab.startNodes({
    a: { program: PROGRAMS[primary], configuration },
    b: { program: ourProgram, configuration },
  });
  await lab.a.load(tcpLoad(FLOWS));
  await lab.b.node().untilSize('external', FLOWS);
}

/** Some flows end, and as many begin. */
async function changeFlows({ a }: Lab): Promise<void> {
  await a.load(
    tcpLoad(CHANGED).map((line) => line.replace(/^-I/, '-D').replace(/ (-t|--state|-u) \S+/g, '')),
  );
  await a.load(tcpLoad(CHANGED, { first: FLOWS }));
}

async function expectAllUnderstood({ a, b }: Lab): Promise<void> {
  for (const { node } of [a, b])
    expect(await node().command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
}

describe.each<ProgramName>(['ours', 'C'])(
  'in NOTRACK a backup of ours, beside %s, without a command',
  (primary) => {
    test('equals a primary that was killed and started again', async () => {
      await withLab({}, async (lab) => {
        await startPair(lab, primary);
        await lab.a.node().kill();
        await changeFlows(lab);
        await lab.a.start({ program: PROGRAMS[primary], configuration: { mode: 'NOTRACK' } });
        await untilEqual(lab, HEALED_MS[primary]);
        await expectAllUnderstood(lab);
      });
    });

    test('equals its primary after messages were lost', async () => {
      await withLab({}, async (lab) => {
        await startPair(lab, primary);
        await lab.b.namespace.nft(OUTAGE);
        await changeFlows(lab);
        await lab.b.namespace.nft('delete table inet outage\n');
        await untilEqual(lab, HEALED_MS[primary]);
        await expectAllUnderstood(lab);
      });
    });

    test('has everything after its own restart, and so has its primary', async () => {
      await withLab({}, async (lab) => {
        await startPair(lab, primary);
        await lab.b.node().kill();
        await changeFlows(lab);
        await lab.b.start({ program: ourProgram, configuration: { mode: 'NOTRACK' } });
        await untilEqual(lab, HEALED_MS[primary]);
        await expectAllUnderstood(lab);
      });
    });
  },
);
