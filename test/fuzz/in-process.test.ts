import { describe, expect, it } from 'vitest';
import { readCorpus } from '../../sim/fuzz/corpus.ts';
import { type Finding, Session, tryInput } from '../../sim/fuzz/session.ts';
import type { Target } from '../../sim/fuzz/target.ts';
import { makeTargets } from '../../sim/fuzz/targets.ts';

async function run(targets: readonly Target[], seed: number, cases: number) {
  const findings: Finding[] = [];
  const inputs: string[] = [];
  const watched = targets.map((target): Target => {
    const run_ = target.run.bind(target);
    return Object.assign(Object.create(target) as Target, {
      run(input: Uint8Array, length: number) {
        if (inputs.length < 2000) inputs.push(Buffer.from(input.subarray(0, length)).toString('hex'));
        return run_(input, length);
      },
    });
  });
  const session = new Session(seed, 0, watched, new Map(), (finding) => findings.push(finding));
  await session.run(cases);
  return { findings, inputs, session };
}

describe('in process', () => {
  it.each(makeTargets().map((target) => [target.name, target] as const))(
    'a few cases find nothing: %s',
    { timeout: 60_000 },
    async (name, target) => {
      const { findings, session } = await run(
        [target],
        1,
        name === 'capture' || name === 'config' ? 300 : 3000,
      );
      expect(findings).toEqual([]);
      expect(session.cases).toBeGreaterThanOrEqual(300);
    },
  );

  it('the same seed tries the same inputs, another one others', async () => {
    const names = ['record-flow', 'datagram', 'netlink', 'engine'];
    const once = (seed: number) => run(makeTargets(names), seed, 3000);
    const [one, two, other] = [await once(7), await once(7), await once(8)];
    expect(one.inputs).toEqual(two.inputs);
    expect(one.inputs).not.toEqual(other.inputs);
  });

  it('everything that is in the corpus holds', async () => {
    const corpus = readCorpus();
    const targets = makeTargets();
    let tried = 0;
    for (const target of targets) {
      for (const input of corpus.get(target.name) ?? []) {
        expect([target.name, await tryInput(target, input, input.length)]).toEqual([
          target.name,
          expect.any(Number),
        ]);
        tried++;
      }
    }
    expect(tried).toBeGreaterThan(50);
  });
});

describe('a finding', () => {
  const target: Target = {
    name: 'picky',
    grammar: 'bytes',
    weight: 1,
    seeds: () => [Uint8Array.from([...Array(40).keys()].map((n) => n + 100))],
    run(input, length) {
      const at = input.subarray(0, length).indexOf(7);
      if (at >= 0 && length > 3) throw new Error(`a seven at ${at}`);
      return 1;
    },
  };

  it('is made as short as it can be, reported once, and not lost when it throws anything', async () => {
    const { findings } = await run([target], 1, 20_000);
    expect(findings).toHaveLength(1);
    expect([...findings[0]!.input].sort()).toEqual([0, 0, 0, 7]);
    expect(findings[0]!.message).toContain('a seven at');
  });
});
