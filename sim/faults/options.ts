import { parseArgs } from 'node:util';
import { countIn, namesIn } from '../arguments.ts';
import { PAIR_KINDS, type PairKind } from './pair-kind.ts';
import { chosenScenarios } from './registry.ts';
import type { Scenario } from './scenario.ts';

export interface FaultOptions {
  readonly scenarios: readonly Scenario[];
  readonly kinds: readonly PairKind[];
  readonly flows: number;
  /** Flows in the table of the scenario in which both nodes start at once. */
  readonly restartFlows: number;
  /** Events a second under churn. */
  readonly churnPerSecond: number;
  /** The program of ours that is tested, as a path to its `main.js`; this build's if left out. */
  readonly program: string | undefined;
  /** Scenarios at the same time. */
  readonly jobs: number;
  readonly isList: boolean;
  /** Whether the findings are printed as JSON instead of the table. */
  readonly isJson: boolean;
}

export const USAGE = `npm run faults -- [options]
  --list             names the scenarios
  --only NAMES       these scenarios only: names with commas between
  --program KINDS    who runs: c, ours, mixed (a C primary, our backup); all three if left out
  --main FILE        the main.js of the program that stands for ours; this build's if left out
  --flows N          flows of a pair (20000)
  --restart-flows N  flows of the pair that starts at once (100000)
  --churn N          events a second under churn (1000)
  --jobs N           scenarios at the same time (1)
  --json             prints JSON instead of the table`;

/** @throws Error with a one-line message if the arguments are unknown */
export function parseOptions(args: readonly string[]): FaultOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      list: { type: 'boolean', default: false },
      only: { type: 'string' },
      program: { type: 'string' },
      main: { type: 'string' },
      flows: { type: 'string', default: '20000' },
      'restart-flows': { type: 'string', default: '100000' },
      churn: { type: 'string', default: '1000' },
      jobs: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    scenarios: chosenScenarios(values.only),
    kinds: namesIn('program', values.program, PAIR_KINDS),
    flows: countIn('flows', values.flows),
    restartFlows: countIn('restart-flows', values['restart-flows']),
    churnPerSecond: countIn('churn', values.churn),
    program: values.main,
    jobs: countIn('jobs', values.jobs),
    isList: values.list,
    isJson: values.json,
  };
}
