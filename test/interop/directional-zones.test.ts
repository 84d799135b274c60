import { describe, expect, test } from 'vitest';
import { cProgram, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

const FLOW = '-I -p udp -s 10.9.9.9 -d 10.8.8.8 --sport 11 --dport 22 -t 300'.split(' ');

describe.skipIf(missingForLab(['conntrackd']).length > 0)('a flow with a zone in one direction alone', () => {
  test('is not replicated by ours, and counted; C sends it as if it were in no zone', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes({ a: { program: ourProgram }, b: { program: cProgram } });
      for (const side of [lab.a, lab.b]) {
        await side.conntrack(...FLOW, '--orig-zone', '1');
        await side.conntrack(...'-I -p udp -s 10.9.9.9 -d 10.8.8.8 --sport 33 --dport 44 -t 300'.split(' '));
      }
      await lab.b.node().untilSize('internal', 2);
      await lab.a.node().untilSize('internal', 1);
      await lab.a.node().untilSize('external', 2);
      const runtime = await until('the count', async () => {
        const text = await lab.a.node().command('-s', 'runtime', '--json');
        const counted = JSON.parse(text).runtime.directionalZones;
        return counted > 0 ? counted : undefined;
      });
      expect(runtime).toBeGreaterThan(0);
      expect(await lab.a.node().command('-i')).toContain('sport=33');
      expect(await lab.a.node().command('-i')).not.toContain('sport=11');
    });
  });
});
