import { expect } from 'vitest';
import { cProgram, type Lab, type Side, tcpLoad, until } from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

export const PROGRAMS = { ours: ourProgram, C: cProgram } as const;
export type ProgramName = keyof typeof PROGRAMS;

/** Rules of nftables: nothing of the peer arrives, until the table is deleted. */
export const OUTAGE = `
table inet outage {
  chain arriving {
    type filter hook prerouting priority -400; policy accept;
    iifname "sync0" drop
  }
}
`;
export const OUTAGE_OVER = 'delete table inet outage\n';

/** The addresses and ports that tell the flows of a cache apart, sorted. */
async function sources(lab: Lab, side: Side, which: 'internal' | 'external'): Promise<string> {
  const flows = await lab[side].node().cache(which);
  return flows
    .map(({ original }) => `${original.src}:${original.sport}`)
    .sort()
    .join(' ');
}

/** Waits until B has what A has, no less and no more, which is so many flows. */
export async function untilEqual(lab: Lab, flows: number, withinMs: number): Promise<void> {
  const isEqual = async (): Promise<boolean> =>
    (await sources(lab, 'a', 'internal')) === (await sources(lab, 'b', 'external'));
  await until("the external cache of B is A's internal cache", isEqual, withinMs);
  expect((await lab.b.node().sizes()).external).toBe(flows);
}

/** The first `changed` of A's `flows` flows end, and as many begin. */
export async function changeFlows({ a }: Lab, flows: number, changed: number): Promise<void> {
  await a.load(
    tcpLoad(changed).map((line) => line.replace(/^-I/, '-D').replace(/ (-t|--state|-u) \S+/g, '')),
  );
  await a.load(tcpLoad(changed, { first: flows }));
  expect(await a.flowCount()).toBe(flows);
}

/** Neither node has received what it could not read. */
export async function expectAllUnderstood({ a, b }: Lab): Promise<void> {
  for (const { node } of [a, b])
    expect(await node().command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
}
