import { beforeAll, expect, test } from 'vitest';
import { type Lab, missingForLab, tcpLoad, until, withLab } from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

const FLOWS = 300;
/** Flows that end, and as many that begin, while a daemon is away. */
const CHANGED = 100;

/** The addresses and ports that tell the flows of a cache apart, sorted. */
async function sources(lab: Lab, side: 'a' | 'b', which: 'internal' | 'external'): Promise<string> {
  const flows = await lab[side].node().cache(which);
  return flows
    .map(({ original }) => `${original.src}:${original.sport}`)
    .sort()
    .join(' ');
}

async function untilEqual(lab: Lab, from: 'a' | 'b', to: 'a' | 'b'): Promise<void> {
  await until(
    `the external cache of ${to} is the internal cache of ${from}`,
    async () => (await sources(lab, from, 'internal')) === (await sources(lab, to, 'external')),
    20_000,
  );
}

/** While node A is away, flows end and begin in its kernel. */
async function changeFlows(lab: Lab): Promise<void> {
  await lab.a.load(
    tcpLoad(CHANGED).map((line) => line.replace(/^-I/, '-D').replace(/ (-t|--state|-u) \S+/g, '')),
  );
  await lab.a.load(tcpLoad(CHANGED, { first: FLOWS }));
}

test('a backup equals a primary that was killed and started again, without a command', async () => {
  await withLab({}, async (lab) => {
    await lab.startNodes({ a: { program: ourProgram }, b: { program: ourProgram } });
    await lab.a.load(tcpLoad(FLOWS));
    await lab.b.node().untilSize('external', FLOWS);
    await lab.a.node().kill();
    await changeFlows(lab);
    expect(await lab.a.flowCount()).toBe(FLOWS);
    await lab.a.start({ program: ourProgram });
    await untilEqual(lab, 'a', 'b');
    expect((await lab.b.node().sizes()).external).toBe(FLOWS);
    expect(await lab.a.node().command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
  });
});
