import { describe, expect, it } from 'vitest';
import { compareFastPaths } from '../../sim/cluster/fast-paths.ts';
import { drawOptions } from '../../sim/cluster/options.ts';
import { record } from '../../sim/cluster/recording.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { FLOW_FORMAT } from '../../src/wire/record.ts';
import { RecordChecker } from '../../src/wire/record-checker.ts';
import { ESTABLISHED } from '../flow/sample.ts';

describe('fast paths', () => {
  it.each([
    ['FT-FW', { mode: 'ftfw' }],
    ['NOTRACK', { mode: 'notrack' }],
    ['ALARM', { mode: 'alarm' }],
    ['three nodes', { nodes: 3 }],
    ['a C node as peer', { program: 'mixed' }],
  ] as const)(
    'change nothing that a simulated cluster does: %s',
    { timeout: 60_000 },
    async (_, settings) => {
      for (const seed of [3, 17, 2024]) {
        expect(await compareFastPaths({ steps: 1500, faults: 4, ...settings, seed })).toBeUndefined();
      }
    },
  );

  it('learn nothing from the seeds before', { timeout: 60_000 }, async () => {
    const options = drawOptions({ seed: 8, steps: 1000 });
    const first = await record(options);
    await record(drawOptions({ seed: 9, steps: 1000 }));
    const again = await record(options);
    expect(again.recording.equals(first.recording)).toBe(true);
    // What one has learnt is its own.
    const bytes = encodeFlow(ESTABLISHED);
    const [one, other] = [new RecordChecker(FLOW_FORMAT), new RecordChecker(FLOW_FORMAT)];
    one.check(bytes, 0, bytes.length);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    expect([one, other].map((checker) => checker.knows(words, 0, bytes.length))).toEqual([true, false]);
  });
});
