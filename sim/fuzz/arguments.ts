import { parseArgs } from 'node:util';
import type { FloodMode } from './live/flood.ts';
import type { LiveOptions } from './live/options.ts';
import type { Mode } from './reference.ts';

/** What is asked of the fuzzer. */
export type FuzzCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'replay'; readonly file: string }
  | {
      readonly kind: 'in-process';
      readonly seed: number;
      readonly cases: number;
      readonly threads?: number;
      readonly only: readonly string[];
      readonly findings: number;
      readonly report: string;
      /** Whether inputs are grown by the code they reach, and kept as the corpus. */
      readonly record: boolean;
    }
  | {
      readonly kind: 'live';
      readonly live: LiveOptions;
      readonly report: string;
    }
  | {
      readonly kind: 'flood';
      readonly mode: FloodMode;
      readonly seed: number;
      readonly datagrams: number;
    };

export const USAGE = `Usage: npm run fuzz -- --in-process [--cases N] [--threads N] [--only NAME,...] [--record]
       npm run fuzz -- --target c|ts|both --mode ftfw|notrack|alarm [--minutes M]
       npm run fuzz -- --address A --interface IF [--port P] --mode MODE [--minutes M]
       npm run fuzz -- --flood N --mode ftfw|notrack
       npm run fuzz -- --replay FILE
  --in-process, every decoder and the engines, in this process
  --target, a C node, ours, or both side by side, in network namespaces of the fuzzer's own (root)
  --address, a node that runs somewhere; --interface is what leads to it, --port 3780 unless given
  --flood, N hostile datagrams at our node, then a C node that joins (root)
  --seed N, the same seed sends the same; a fresh one unless given
  --findings N, ends the run with so many, 10 unless given
  --report FILE, where what was found is written, fuzz-report.msgpack unless given
  --replay FILE, tries again what a report holds
  --record, keeps the inputs that reach code which no other reaches, in vendor-fixtures/fuzz
  --allow-foreign-target, sends to an address that is neither loopback nor the fuzzer's own
`;

const FLOOD_MODES: readonly FloodMode[] = ['ftfw', 'notrack'];
const MODES: readonly Mode[] = ['ftfw', 'notrack', 'alarm'];

function numberOf(name: string, text: string | undefined, otherwise: number, most: number): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || number > most)
    throw new RangeError(`--${name} ${text}: expected at most ${most}`);
  return number;
}

function oneOf<T extends string>(name: string, text: string | undefined, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new RangeError(`--${name} ${text ?? ''}: expected ${choices.join(', ')}`);
  return found;
}

/** @throws RangeError or TypeError for what means nothing */
export function parseFuzzArguments(args: readonly string[]): FuzzCommand {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'in-process': { type: 'boolean' },
      cases: { type: 'string' },
      threads: { type: 'string' },
      only: { type: 'string' },
      record: { type: 'boolean' },
      target: { type: 'string' },
      mode: { type: 'string' },
      minutes: { type: 'string' },
      address: { type: 'string' },
      interface: { type: 'string' },
      port: { type: 'string' },
      seed: { type: 'string' },
      findings: { type: 'string' },
      report: { type: 'string' },
      replay: { type: 'string' },
      flood: { type: 'string' },
      'allow-foreign-target': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help || args.length === 0) return { kind: 'help' };
  if (values.replay !== undefined) return { kind: 'replay', file: values.replay };
  const common = {
    seed: Math.floor(numberOf('seed', values.seed, Date.now() % 1_000_000, 0xffff_ffff)),
    findings: numberOf('findings', values.findings, 10, 1000),
  };
  const report = values.report ?? 'fuzz-report.msgpack';
  if (values['in-process']) {
    return {
      kind: 'in-process',
      ...common,
      report,
      cases: numberOf('cases', values.cases, 1_000_000, 1e12),
      only: values.only?.split(',') ?? [],
      record: values.record ?? false,
      ...(values.threads === undefined ? {} : { threads: numberOf('threads', values.threads, 1, 256) }),
    };
  }
  if (values.flood !== undefined) {
    return {
      kind: 'flood',
      seed: common.seed,
      mode: oneOf('mode', values.mode, FLOOD_MODES),
      datagrams: numberOf('flood', values.flood, 0, 1e9),
    };
  }
  const live = {
    ...common,
    mode: oneOf('mode', values.mode, MODES),
    minutes: numberOf('minutes', values.minutes, 1, 100_000),
    port: numberOf('port', values.port, 3780, 0xffff),
  };
  if (values.address !== undefined) {
    if (values.interface === undefined) throw new RangeError('--address needs --interface');
    const where = {
      address: values.address,
      interface: values.interface,
      foreign: values['allow-foreign-target'] ?? false,
    };
    return { kind: 'live', report, live: { ...live, target: 'address', where } };
  }
  const target = oneOf('target', values.target, ['c', 'ts', 'both'] as const);
  return { kind: 'live', report, live: { ...live, target } };
}
