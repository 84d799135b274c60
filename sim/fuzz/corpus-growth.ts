import { Random } from '../random.ts';
import type { Corpus } from './corpus.ts';
import type { Coverage } from './coverage.ts';
import { Mutator } from './mutation/mutator.ts';
import { tryInput } from './session.ts';
import type { Target } from './target.ts';

/** Inputs that are tried between two looks at the coverage: a look costs about a millisecond. */
const BATCH = 32;
/** Longer ones are not kept: what they reach, shorter ones reach too. */
const KEPT_MAX = 2048;
/** What reached something new is mutated so many times more often than a seed. */
const FAVOUR = 4;

export interface CorpusGrowth {
  readonly target: string;
  /** Inputs tried. */
  readonly tried: number;
  /** Characters of `src` that the seeds reach, and that are reached in the end. */
  readonly bySeeds: number;
  readonly inAll: number;
  readonly kept: readonly Uint8Array[];
}

/**
 * Mutates a target's inputs for so many milliseconds, and keeps each that executes code which none did before. With
 * `guided`, what was kept is mutated on; without, the seeds alone are, for comparison.
 */
export async function growCorpus(
  target: Target,
  corpus: Corpus,
  coverage: Coverage,
  {
    seed,
    milliseconds,
    guided,
  }: { readonly seed: number; readonly milliseconds: number; readonly guided: boolean },
): Promise<CorpusGrowth> {
  const random = Random.forStream(seed);
  const mutator = new Mutator(random);
  const seeds = [...target.seeds(random), ...(corpus.get(target.name) ?? [])];
  const pool = [...seeds];
  const kept: Uint8Array[] = [];
  coverage.reset();
  for (const input of seeds) await tryInput(target, input, input.length);
  await coverage.gained();
  const bySeeds = coverage.total;
  let tried = 0;
  const end = performance.now() + milliseconds;
  while (performance.now() < end && seeds.length > 0) {
    const batch: Uint8Array[] = [];
    for (let n = 0; n < BATCH; n++) {
      mutator.next(target.grammar, pool);
      batch.push(mutator.bytes.slice(0, mutator.length));
      await tryInput(target, mutator.bytes, mutator.length);
    }
    tried += BATCH;
    if ((await coverage.gained()) === 0) continue;
    coverage.forgetGained();
    for (const input of batch) {
      await tryInput(target, input, input.length);
      if ((await coverage.gained()) === 0 || input.length > KEPT_MAX) continue;
      kept.push(input);
      if (guided) for (let n = 0; n < FAVOUR; n++) pool.push(input);
    }
  }
  return { target: target.name, tried, bySeeds, inAll: coverage.total, kept };
}
