import { parseArgs } from 'node:util';
import { countIn } from '../sim/arguments.ts';
import { chooseNamed, DEFAULT_VARIANTS, defaultWays, type FailoverOptions } from './failover/run.ts';
import { INPUTS, type Input, VARIANTS } from './failover/traffic.ts';
import { WAYS } from './failover/way.ts';
import type { Sizes } from './figure.ts';

export interface BenchOptions {
  readonly rounds: number;
  /** Names of the measures to run; all of them if empty. */
  readonly only: readonly string[];
  readonly sizes: Sizes;
  readonly failover: FailoverOptions;
  /** Makes only a small run that shows that everything still works: its figures mean little. */
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly svg: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  --rounds N     rounds, in each of which a C pair and one of ours do the same work (5)
  --flows N      flows that a pair holds (200000)
  --only NAMES   these measures only: names with commas between; failover runs only where it is named
  --quick        small sizes, one round: fails only if a node did something wrong
  --json FILE    write all figures as JSON
  --svg FILE     write the ratios as a picture
for failover:
  --idle-flows NUMBERS  flows in the table beside the connections (0,50000,200000)
  --variants NAMES      ${VARIANTS.map(({ name }) => name).join(', ')} (${DEFAULT_VARIANTS.map(({ name }) => name).join(', ')})
  --ways NAMES          ${WAYS.map(({ name }) => name).join(', ')}
                        (all but the controls, the last two)
  --inputs NAMES        what a firewall does with packets for itself without a flow: ${INPUTS.join(', ')} (both)`;

const FULL = {
  rounds: 5,
  sizes: { flows: 200_000, memory: [100_000, 500_000, 1_000_000], seconds: 5, commands: 20, halvings: 3 },
  idleFlows: [0, 50_000, 200_000],
};
const QUICK = {
  rounds: 1,
  sizes: { flows: 3_000, memory: [3_000], seconds: 1, commands: 2, halvings: 0 },
  idleFlows: [0],
};

/** Numbers with commas between. */
function numbers(name: string, text: string): number[] {
  return text.split(',').map((word) => {
    if (!/^\d{1,7}$/.test(word)) throw new RangeError(`--${name}: \`${word}' is no number`);
    return Number(word);
  });
}

function named<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  names: string | undefined,
): readonly T[] | undefined {
  return names === undefined ? undefined : chooseNamed(what, all, names.split(','));
}

function chosenInputs(names: string | undefined): readonly Input[] {
  const all = INPUTS.map((name) => ({ name }));
  return (named('input', all, names) ?? all).map(({ name }) => name);
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
      'idle-flows': { type: 'string' },
      variants: { type: 'string' },
      ways: { type: 'string' },
      inputs: { type: 'string' },
    },
  });
  const preset = values.quick ? QUICK : FULL;
  const rounds = values.rounds === undefined ? preset.rounds : countIn('rounds', values.rounds);
  return {
    rounds,
    only: values.only === undefined ? [] : values.only.split(','),
    sizes: {
      ...preset.sizes,
      ...(values.flows === undefined ? {} : { flows: countIn('flows', values.flows) }),
    },
    failover: {
      rounds,
      idleFlows:
        values['idle-flows'] === undefined ? preset.idleFlows : numbers('idle-flows', values['idle-flows']),
      variants: named('variant', VARIANTS, values.variants) ?? DEFAULT_VARIANTS,
      ways: named('way', WAYS, values.ways) ?? defaultWays(),
      inputs: chosenInputs(values.inputs),
    },
    quick: values.quick,
    json: values.json,
    svg: values.svg,
  };
}
