import { parseArgs } from 'node:util';
import { PAIR_KINDS, type PairKind } from '../faults/pair-kind.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Events a second. */
  readonly ratePerSecond: number;
  readonly flows: number;
  readonly kind: PairKind;
  /** The program of ours, as a path to its `main.js`; this build's if left out. */
  readonly program: string | undefined;
  /** Seconds between two samples. */
  readonly sampleSeconds: number;
  /** Mean seconds from one fault's end to the next fault. */
  readonly faultSeconds: number;
  /** Whether nodes stay alive: faults of links, load and clients alone. */
  readonly isWithoutRestarts: boolean;
  readonly svg: string;
  readonly json: string;
}

export const USAGE = `npm run soak -- [options]
  --minutes M           how long (60)
  --seed N              which faults come when (a random one, printed)
  --rate N              events a second (1000)
  --flows N             flows of the pair (20000)
  --program KIND        who runs: c, ours, mixed (ours)
  --main FILE           the main.js of the program that stands for ours; this build's if left out
  --sample-seconds N    seconds between two samples (5)
  --fault-seconds N     mean seconds between two faults (20)
  --without-restarts    no fault ends a node, so that a node's memory is seen for long
  --svg FILE            the curves (soak.svg)
  --json FILE           samples and faults (soak.json)`;

const SEEDS = 1_000_000;

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new RangeError(`--${name}: \`${text}' is no positive number`);
  return value;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`--${name}: \`${text}' is no whole number`);
  return value;
}

/** @throws Error with a one-line message if the arguments are unknown */
export function parseOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * SEEDS)) },
      rate: { type: 'string', default: '1000' },
      flows: { type: 'string', default: '20000' },
      program: { type: 'string', default: 'ours' },
      main: { type: 'string' },
      'sample-seconds': { type: 'string', default: '5' },
      'fault-seconds': { type: 'string', default: '20' },
      'without-restarts': { type: 'boolean', default: false },
      svg: { type: 'string', default: 'soak.svg' },
      json: { type: 'string', default: 'soak.json' },
    },
  });
  const kind = PAIR_KINDS.find((one) => one === values.program);
  if (kind === undefined) {
    throw new RangeError(`--program: \`${values.program}' is none of ${PAIR_KINDS.join(', ')}`);
  }
  return {
    minutes: positive('minutes', values.minutes),
    seed: whole('seed', values.seed),
    ratePerSecond: positive('rate', values.rate),
    flows: Math.max(1, whole('flows', values.flows)),
    kind,
    program: values.main,
    sampleSeconds: positive('sample-seconds', values['sample-seconds']),
    faultSeconds: positive('fault-seconds', values['fault-seconds']),
    isWithoutRestarts: values['without-restarts'],
    svg: values.svg,
    json: values.json,
  };
}
