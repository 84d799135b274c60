import { parseArgs } from 'node:util';
import type { Sizes } from './figure.ts';

export interface BenchOptions {
  readonly rounds: number;
  /** Names of the measures to run; all of them if empty. */
  readonly only: readonly string[];
  readonly sizes: Sizes;
  /** Makes only a small run that shows that everything still works: its figures mean little. */
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly svg: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  --rounds N     rounds, in each of which a C pair and one of ours do the same work (5)
  --flows N      flows that a pair holds (200000)
  --only NAMES   these measures only: names with commas between
  --quick        small sizes, one round: fails only if a node did something wrong
  --json FILE    write all figures as JSON
  --svg FILE     write the ratios as a picture`;

const FULL = {
  rounds: 5,
  sizes: { flows: 200_000, memory: [100_000, 500_000, 1_000_000], seconds: 5, commands: 20, halvings: 3 },
};
const QUICK = {
  rounds: 1,
  sizes: { flows: 3_000, memory: [3_000], seconds: 1, commands: 2, halvings: 0 },
};

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${name}: \`${text}' is no count`);
  return value;
}

/** @throws Error with a one-line message if the arguments are unknown */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      flows: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      svg: { type: 'string' },
    },
  });
  const preset = values.quick ? QUICK : FULL;
  return {
    rounds: values.rounds === undefined ? preset.rounds : count('rounds', values.rounds),
    only: values.only === undefined ? [] : values.only.split(','),
    sizes: {
      ...preset.sizes,
      ...(values.flows === undefined ? {} : { flows: count('flows', values.flows) }),
    },
    quick: values.quick,
    json: values.json,
    svg: values.svg,
  };
}
