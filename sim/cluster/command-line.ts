import { parseArgs } from 'node:util';
import type { Mode, RunSettings } from './options.ts';

export const USAGE = `usage: npm run sim -- [what] [how]

what
  (nothing)              a run on one seed, with a summary at the end
  --runs N               runs on N seeds, from --seed on, on all cores
  --minutes M            runs on new seeds for M minutes, on all cores (npm run sim:soak)
  --scenario NAME        a scenario, with the model of C's daemon and with ours; --list names them
  --group-figures        messages an event and time to rest by group size and loss, of --runs seeds (1)
  --replay FILE          runs a recording again and prints the first difference

how
  --seed N               the first seed; a random one unless given
  --steps N              the least number of steps of a run (2000)
  --nodes N              2 to 32 firewalls; the seed chooses what is not given
  --mode M               ftfw, notrack, alarm, or mixed: a different one on each node
  --program P            ours, c, or mixed: one node, which the seed chooses, is the model of C's daemon
  --hot-standby          node 1 has the flows of node 0 in its kernel: an FT-FW pair of ours
  --several              2 to 4 nodes of ours that forward at once: flows move, and take two nodes; nodes die
  --stranger             somebody says HELLO in every node's name, all the time: FT-FW nodes of ours
  --links N              1 to 4 dedicated links
  --rate N               flow events a virtual second
  --together N           packets that arrive together, on average
  --flows N              flows kept alive by the traffic of a node
  --faults N             faults a round
  --loss N               percent of the datagrams that are lost during traffic, besides the faults (0)
  --fast-paths P         on, off, or both: each seed is run either way, and the traces must be equal (on)
  --record FILE          writes all that happens in the run to a file
  --shrink               searches the smallest script of faults that still fails
  --trace                prints everything that happens
`;

export interface SimCommand {
  readonly settings: RunSettings;
  readonly seedGiven: boolean;
  readonly runs: number | undefined;
  readonly minutes: number | undefined;
  readonly scenario: string | undefined;
  readonly list: boolean;
  readonly groupFigures: boolean;
  /** Several active nodes, which have a simulation of their own. */
  readonly several: boolean;
  readonly help: boolean;
  readonly replay: string | undefined;
  readonly record: string | undefined;
  readonly shrink: boolean;
  readonly trace: boolean;
  /** Runs each seed with and without fast paths. */
  readonly bothPaths: boolean;
}

const MODES: readonly string[] = ['ftfw', 'notrack', 'alarm', 'mixed'];
const PROGRAMS: readonly string[] = ['ours', 'c', 'mixed'];

/** @throws Error that names the option and what was expected */
export function parseCommandLine(args: readonly string[]): SimCommand {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      steps: { type: 'string' },
      nodes: { type: 'string' },
      mode: { type: 'string' },
      program: { type: 'string' },
      'hot-standby': { type: 'boolean' },
      several: { type: 'boolean' },
      stranger: { type: 'boolean' },
      links: { type: 'string' },
      rate: { type: 'string' },
      together: { type: 'string' },
      flows: { type: 'string' },
      faults: { type: 'string' },
      loss: { type: 'string' },
      'fast-paths': { type: 'string' },
      runs: { type: 'string' },
      minutes: { type: 'string' },
      scenario: { type: 'string' },
      list: { type: 'boolean' },
      'group-figures': { type: 'boolean' },
      replay: { type: 'string' },
      record: { type: 'string' },
      shrink: { type: 'boolean' },
      trace: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const whole = (name: keyof typeof values, least: number, most: number): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    const number = Number(text);
    if (!Number.isInteger(number) || number < least || number > most)
      throw new Error(`--${name} takes a whole number from ${least} to ${most}, not "${text}"`);
    return number;
  };
  const word = (name: keyof typeof values, words: readonly string[]): string | undefined => {
    const text = values[name] as string | undefined;
    if (text !== undefined && !words.includes(text))
      throw new Error(`--${name} takes one of ${words.join(', ')}, not "${text}"`);
    return text;
  };
  const fastPaths = word('fast-paths', ['on', 'off', 'both']);
  const seed = whole('seed', 0, Number.MAX_SAFE_INTEGER - 2 ** 32);
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (minutes !== undefined && !(minutes > 0))
    throw new Error(`--minutes takes a number above 0, not "${values.minutes}"`);
  return {
    settings: {
      seed: seed ?? Math.floor(Math.random() * 2 ** 32),
      steps: whole('steps', 1, 1e9) ?? 2000,
      nodes: whole('nodes', 2, 32),
      mode: word('mode', MODES) as Mode | 'mixed' | undefined,
      program: word('program', PROGRAMS) as RunSettings['program'],
      wires: whole('links', 1, 4),
      rate: whole('rate', 1, 1e6),
      together: whole('together', 1, 10_000),
      population: whole('flows', 1, 20_000),
      faults: whole('faults', 0, 1000),
      ...(values.stranger && { stranger: true, mode: 'ftfw', program: 'ours' }),
      loss: whole('loss', 0, 90),
      ...(values['hot-standby'] && { hotStandby: true, nodes: 2, mode: 'ftfw', program: 'ours' }),
      ...(fastPaths === 'off' && { fastPaths: false }),
    },
    seedGiven: seed !== undefined,
    runs: whole('runs', 1, 1e9),
    minutes,
    scenario: values.scenario,
    list: values.list ?? false,
    groupFigures: values['group-figures'] ?? false,
    several: values.several ?? false,
    help: values.help ?? false,
    replay: values.replay,
    record: values.record,
    shrink: values.shrink ?? false,
    trace: values.trace ?? false,
    bothPaths: fastPaths === 'both',
  };
}
