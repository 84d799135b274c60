import fc from 'fast-check';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';
import type { Random } from '../random.ts';
import { expectation, flow } from './generators.ts';
import { concat, data } from './messages.ts';

/** Datagrams of generated messages: flows and expectations one behind the other. */
export function generatedDatagrams(random: Random, count: number): readonly Uint8Array[] {
  const options = { seed: random.u32() | 0, numRuns: count };
  // Labels of 1 kB are for the records' own target.
  const plain = flow().map(({ labels = [], ...rest }) => ({ ...rest, labels: labels.slice(0, 4) }));
  const flows = fc.sample(plain, options).map(encodeFlow);
  const expectations = fc.sample(expectation(), options).map(encodeExpectation);
  return flows.map((record, n) => {
    const one = data(random.below(3), random.u32(), record);
    if (n % 3 === 0) return one;
    return concat(one, data(3 + random.below(3), random.u32(), expectations[n]!));
  });
}
