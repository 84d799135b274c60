/** The options that several sub-commands have, and what becomes of a command line that is mistyped or asks for help. */

import type { Writable } from 'node:stream';
import { DEFAULTS } from '../../config/defaults.ts';

/** For `parseArgs`. What an option of a time, a number or a source may be is in the command's help. */
export const SharedOptions = {
  config: { type: 'string', short: 'C' },
  every: { type: 'string' },
  for: { type: 'string' },
  from: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
  limit: { type: 'string' },
  sort: { type: 'string' },
} as const;

/** Lines of the help. */
export const OptionHelp = {
  config: `  -C FILE, the configuration (${DEFAULTS.configFile})`,
  /** Where a cache of the daemon is a source of flows. */
  cacheConfig: `  -C FILE, the configuration of the daemon that is asked for its cache (${DEFAULTS.configFile})`,
  factsJson: '  --json, the findings and the facts as one JSON object',
} as const;

export interface OutputStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

export interface CommandWords<Code extends number> {
  readonly name: string;
  readonly usage: string;
  /** Exit code where the arguments are wrong. */
  readonly wrong: Code;
}

/**
 * Does the work of a command with its options. Prints its help where that is asked for, and where the arguments are wrong, what is
 * wrong with them before that. Resolves to the exit code.
 * @param read gives undefined where help was asked for. @throws Error that says what is wrong with the arguments
 */
export async function withOptions<T, Code extends number>(
  { name, usage, wrong }: CommandWords<Code>,
  { stdout, stderr }: OutputStreams,
  read: () => T | undefined,
  work: (options: T) => Promise<Code | 0>,
): Promise<Code | 0> {
  let options: T | undefined;
  try {
    options = read();
  } catch (error) {
    stderr.write(`${name}: ${(error as Error).message.split('\n')[0]}\n${usage}`);
    return wrong;
  }
  if (options === undefined) {
    stdout.write(usage);
    return 0;
  }
  return work(options);
}
