import { describe, expect, test } from 'vitest';
import { Random } from '../../sim/random.ts';
import { curvesOf } from '../../sim/soak/curves.ts';
import { growthOf } from '../../sim/soak/growth.ts';
import { parseOptions } from '../../sim/soak/options.ts';
import type { Sample } from '../../sim/soak/sampler.ts';
import { pickFault, soakFaults } from '../../sim/soak/soak-faults.ts';
import { isClean, summaryOf } from '../../sim/soak/summary.ts';

const MIB = 1024 * 1024;

/** A process of 10 minutes whose memory goes as `mebibytes` says, of a share of its life. */
function life(
  pid: number,
  mebibytes: (share: number) => number,
  descriptors = (_share: number) => 20,
): Sample[] {
  return Array.from({ length: 120 }, (_, n) => ({
    seconds: n * 5,
    side: 'a',
    pid,
    residentBytes: mebibytes(n / 120) * MIB,
    descriptors: descriptors(n / 120),
    internal: 1_000,
    external: 0,
    answerMs: 2,
  }));
}

describe('growth', () => {
  test('is none where memory rises at first and then stays', () => {
    const [growth] = growthOf(life(1, (share) => (share < 0.2 ? 50 : 120)));
    expect(growth).toMatchObject({ pid: 1, isFlat: true, earlyBytes: 120 * MIB });
  });

  test('is seen where memory rises all the time', () => {
    expect(growthOf(life(1, (share) => 100 + 60 * share))[0]!.isFlat).toBe(false);
  });

  test('is seen in descriptors', () => {
    const [growth] = growthOf(
      life(
        1,
        () => 100,
        (share) => Math.floor(20 + 40 * share),
      ),
    );
    expect(growth!.isFlat).toBe(false);
  });

  test('says nothing of processes that lived for less than 4 minutes', () => {
    expect(growthOf(life(1, () => 100).slice(0, 40))).toEqual([]);
  });
});

describe('the faults', () => {
  test('are the same ones for the same seed', () => {
    const names = (seed: number) => {
      const random = Random.forPurpose(seed, 'soak');
      return Array.from({ length: 50 }, () => pickFault(soakFaults(false), random).name);
    };
    expect(names(7)).toEqual(names(7));
    expect(names(7)).not.toEqual(names(8));
    expect(new Set(names(7)).size).toBeGreaterThan(8);
  });

  test('end no node where that is asked for', () => {
    const names = soakFaults(true).map(({ name }) => name);
    expect(names).toContain('failover');
    expect(names.filter((name) => /killed|ended/.test(name))).toEqual([]);
  });
});

describe('a result', () => {
  const equal = { name: 'outage', seconds: 10, recoverMs: 900, lacks: 0, dead: 0 };
  const diverged = { name: 'outage', seconds: 20, lacks: 4, dead: 0 };
  const samples = life(1, () => 100);
  const growth = growthOf(samples);

  test('is clean without divergence, growth and ended nodes', () => {
    expect(isClean({ events: [equal], samples }, growth)).toBe(true);
    expect(isClean({ events: [equal, diverged], samples }, growth)).toBe(false);
    expect(isClean({ events: [equal], samples, trouble: 'ended' }, growth)).toBe(false);
    expect(isClean({ events: [equal], samples }, growthOf(life(1, (share) => 100 + 60 * share)))).toBe(false);
  });

  test('is summed up by fault', () => {
    expect(summaryOf({ events: [equal, diverged], samples }, growth)).toContain(
      '| outage | 2 | 0.9 s | 0.9 s | 1 |',
    );
  });

  test('is drawn: a curve for each figure and side, a gap where a process begins, a red stroke where the pair diverged', () => {
    const second = life(2, () => 90).map((sample) => ({ ...sample, seconds: sample.seconds + 700 }));
    const svg = curvesOf('title', [...samples, ...second], [equal, diverged]);
    expect(svg.match(/<path/g)).toHaveLength(10);
    expect(/<path d="([^"]*)"/.exec(svg)![1]!.match(/M/g)).toHaveLength(2);
    expect(svg.match(/stroke="#b3261e"/g)).toHaveLength(4);
    expect(svg).not.toContain('NaN');
  });
});

test.each([
  [['--minutes', '0'], /--minutes/],
  [['--program', 'both'], "--program: `both' is none of c, ours, mixed"],
  [['--seed', 'x'], /--seed/],
])('refuses %j', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});
