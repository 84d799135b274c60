import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';
import { MutatedBuild } from './mutate.ts';

/** Seeds within which a broken engine must be found. */
const SEEDS = 500;

describe('a broken engine is found out by the simulator', () => {
  it.each(MUTANTS)(
    '$name',
    async ({ args: more = [], ...mutant }) => {
      const build = new MutatedBuild(mutant);
      try {
        const args = ['--seed', '1', '--runs', String(SEEDS), ...more];
        const { code, output } = await build.sim(args);
        expect(output).toMatch(/VIOLATION at step \d+, seed \d+: /);
        expect(code).toBe(1);
      } finally {
        build.close();
      }
    },
    120_000,
  );
});
