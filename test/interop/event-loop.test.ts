import { beforeAll, describe, expect, test } from 'vitest';
import { missingForLab, sampleFlows, withLab } from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

describe('a daemon', () => {
  test.each([
    ['direct', 'event loop: direct polling'],
    ['libuv', 'event loop: libuv (CONNTRACKD_TS_EVENT_LOOP=libuv)'],
  ])('with CONNTRACKD_TS_EVENT_LOOP=%s logs it, and replicates a flow', async (word, line) => {
    const program = { ...ourProgram, env: { CONNTRACKD_TS_EVENT_LOOP: word } };
    await withLab({}, async (lab) => {
      await lab.startNodes({ a: { program }, b: { program } });
      await lab.a.conntrack(...sampleFlows()[0]!.arguments);
      await lab.b.node().untilSize('external', 1);
      for (const side of ['a', 'b'] as const) expect(lab[side].node().log()).toContain(`[info] ${line}\n`);
    });
  });
});
