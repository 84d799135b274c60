import { describe, expect, it } from 'vitest';
import { InterleavedSequences } from '../../src/sync/interleaved-sequences.ts';
import { plausibleLoss } from '../../src/sync/limits/plausible-loss.ts';

/** The numbers of several senders, one of each after the other. */
function* interleaved(firsts: readonly number[], count: number): Generator<number> {
  for (let n = 0; n < count; n++) for (const first of firsts) yield (first + n) >>> 0;
}

function counted(numbers: Iterable<number>, sequences = new InterleavedSequences(plausibleLoss())) {
  const counters = { lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 };
  for (const number of numbers) sequences.accept(number, counters, 0);
  return counters;
}

describe('the numbers of several senders that share an address', () => {
  it.each([
    ['far apart', [100, 5_000_000, 4_000_000_000]],
    ['near each other', [1000, 1100, 1007]],
    ['around the end of the numbers', [0xffff_fff0, 0x10]],
  ])('are no losses once it shows that there are several: %s', (_, firsts) => {
    const sequences = new InterleavedSequences(plausibleLoss());
    counted(interleaved(firsts, 20), sequences);
    expect(sequences.isShared).toBe(true);
    const later = [
      ...interleaved(
        firsts.map((first) => first + 20),
        1000,
      ),
    ];
    expect(counted(later, sequences)).toMatchObject({ lost: 0, stale: 0 });
  });

  it('show the losses of each', () => {
    const sequences = new InterleavedSequences(plausibleLoss());
    counted(interleaved([1000, 500_000], 20), sequences);
    expect(counted([1020, 500_020, 1023, 500_021, 1024], sequences)).toMatchObject({ lost: 2, stale: 0 });
  });

  it('go on when one of the senders restarts with other numbers', () => {
    const sequences = new InterleavedSequences(plausibleLoss());
    counted(interleaved([1000, 500_000], 20), sequences);
    const restarted = [...interleaved([1020, 9_000_000], 50)];
    expect(counted(restarted, sequences)).toMatchObject({ lost: 0, stale: 0 });
  });
});

describe('the numbers of one sender', () => {
  it('show gaps and repeats at once', () => {
    expect(counted([5, 9, 2, 2])).toMatchObject({ lost: 3, stale: 2 });
  });

  it('may jump when it restarts, which is no loss of millions', () => {
    expect(counted([5, 6, 3_000_000, 3_000_001, 7_000])).toMatchObject({ lost: 0, stale: 0 });
  });

  it('that somebody chooses count no more losses than a peer can have sent', () => {
    const numbers = Array.from({ length: 200_000 }, (_, n) => (n * 65_536) >>> 0);
    expect(counted(numbers)).toMatchObject({ lost: 262_144, stale: 0 });
  });

  it('may be out of order now and then', () => {
    const sequences = new InterleavedSequences(plausibleLoss());
    counted([1, 3, 2, 4, 5, 6, 8, 7, 9], sequences);
    expect(sequences.isShared).toBe(false);
  });
});
