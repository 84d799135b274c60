import { describe, expect, test } from 'vitest';
import { playDeaths, playRow } from '../../sim/multi-primary/play.ts';
import type { Member } from '../../sim/multi-primary/stage.ts';
import { cProgram } from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

const OURS: Member = { program: ourProgram, isOurs: true };
const C: Member = { program: cProgram, isOurs: false };
const NOBODY: Member = { program: undefined, isOurs: false };
const CONNECTIONS = 120;
const QUIET_FLOWS = 30_000;

describe('firewalls that forward at once', { timeout: 300_000 }, () => {
  test.each([
    { name: 'two of ours', members: [OURS, OURS] },
    { name: 'three of ours', members: [OURS, OURS, OURS] },
    { name: 'four of ours', members: [OURS, OURS, OURS, OURS] },
    { name: 'three of ours, replies another way', members: [OURS, OURS, OURS], routes: 'crossed' as const },
    { name: 'one of C and one of ours', members: [C, OURS] },
  ])('$name: every one dies, and no connection breaks', async (row) => {
    const { packets, broken } = await playRow({ ...row, connections: CONNECTIONS });
    for (const { fromClient, fromServer } of packets) {
      expect(fromClient).toBeGreaterThan(CONNECTIONS / 2);
      expect(fromServer).toBeGreaterThan(CONNECTIONS / 2);
    }
    expect(broken).toEqual(row.members.map(() => 0));
  });

  test('three of ours beside a large table: it comes back whole, and no connection breaks', async () => {
    const members = [OURS, OURS, OURS];
    const { broken, quiet } = await playRow({
      name: '',
      members,
      connections: CONNECTIONS,
      quietFlows: QUIET_FLOWS,
    });
    expect(broken).toEqual([0, 0, 0]);
    // The last one that died does not come back.
    expect(quiet).toEqual([QUIET_FLOWS, QUIET_FLOWS, 0]);
  });

  test.each([
    { name: 'C, ours and ours', members: [C, OURS, OURS] },
    { name: 'ours, ours and C', members: [OURS, OURS, C] },
    { name: 'three of C', members: [C, C, C] },
  ])('$name in NOTRACK: two die, and no connection breaks', async ({ members }) => {
    expect(await playDeaths(members, 'NOTRACK', CONNECTIONS)).toEqual([0, 0]);
  });

  test('without replication the connections of the one that dies break', async () => {
    const members = [NOBODY, NOBODY];
    const { broken } = await playRow({ name: '', members, routes: 'ports', connections: CONNECTIONS });
    expect(broken[0]).toBeGreaterThan(CONNECTIONS / 4);
  });
});
