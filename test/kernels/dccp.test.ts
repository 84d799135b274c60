import { beforeAll, expect, test } from 'vitest';
import { cProgram, type Lab, missingForLab, type Program, until, withLab } from '../../sim/netns/lab.ts';
import { PAIRS } from '../interop/programs.ts';

const TUPLE = '-p dccp -s 192.168.10.10 -d 203.0.113.10 --orig-port-src 4000 --orig-port-dst 5000';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

async function dccpFlow(lab: Lab, side: 'a' | 'b'): Promise<string | undefined> {
  return (await lab[side].flows()).find(({ protocol }) => protocol === 'dccp')?.text;
}

/** Lets B take over from A with an open DCCP flow. Returns the flow as A's kernel had it. */
async function failOver(lab: Lab, primary: Program, backup: Program): Promise<string> {
  const configuration = { mode: 'FTFW' } as const;
  await lab.startNodes({ a: { program: primary, configuration }, b: { program: backup, configuration } });
  await lab.a.conntrack('-I', ...TUPLE.split(' '), '--state', 'OPEN', '--role', 'client', '-t', '600');
  const original = await dccpFlow(lab, 'a');
  expect(original).toContain('OPEN');
  await until('the flow in the external cache of B', async () =>
    (await lab.b.node().cache('external')).some(({ text }) => /dccp.*OPEN/.test(text)),
  );
  await lab.failover({ commit: true });
  return original!;
}

test.each(PAIRS.filter(({ backup }) => backup !== cProgram))(
  'a DCCP flow keeps state and role through a failover: $name',
  async ({ primary, backup }) => {
    await withLab({}, async (lab) => {
      const original = await failOver(lab, primary, backup);
      expect(await dccpFlow(lab, 'b')).toBe(original);
    });
  },
);

test("a C backup's commit of a DCCP flow is refused by the kernel", async () => {
  await withLab({}, async (lab) => {
    await failOver(lab, cProgram, cProgram);
    expect(lab.b.node().log()).toContain('commit-create: Invalid argument');
    expect(await dccpFlow(lab, 'b')).toBeUndefined();
  });
});
