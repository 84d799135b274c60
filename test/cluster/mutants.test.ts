import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';
import { MutatedBuild } from './mutate.ts';

/** Seeds within which a broken engine must be found where the known one does not find it any more. */
const SEEDS = 500;

describe('a broken engine is found out by the simulator', () => {
  it.each(MUTANTS)(
    '$name',
    async ({ args = [], seed, ...mutant }) => {
      const build = new MutatedBuild(mutant);
      try {
        let { code, output } = await build.sim(['--seed', String(seed), ...args]);
        if (code === 0)
          ({ code, output } = await build.sim(['--seed', '1', '--runs', String(SEEDS), ...args]));
        expect(output).toMatch(/VIOLATION at step \d+, seed \d+: /);
        expect(code).toBe(1);
      } finally {
        build.close();
      }
    },
    120_000,
  );
});
