/** What the commands about flows share: options, errors, output. */

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { SilentError, UnreachableError } from '../../control/client.ts';
import { IdleClock } from '../../flow/listed/idle.ts';
import { KernelError } from '../../kernel/kernel.ts';
import { readTimeoutSetting } from '../../kernel/listing/timeout-settings.ts';
import { readConfiguration } from '../configuration.ts';
import type { OutputStreams } from '../options/shared-options.ts';
import { parseDuration, parseWhole } from './filter/amounts.ts';
import { unexpectedWord, WordError } from './filter/error.ts';
import type { FlowContext } from './filter/truth.ts';
import { cacheSource, type FlowSource, kernelSource } from './sources.ts';

type OptionTable = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends OptionTable> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>
>;

/** The options, and the words of the filter. @throws WordError */
export function readArguments<const T extends OptionTable>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new WordError((error as Error).message.split('\n')[0]!);
  }
}

/** Prints the help where that is asked for; else does the work, and prints in one line why it cannot be done. */
export async function runFlowCommand(
  name: string,
  usage: string,
  args: readonly string[],
  { stdout, stderr }: OutputStreams,
  work: () => Promise<0 | 1>,
): Promise<0 | 1> {
  if (args.includes('--help') || args.includes('-h')) {
    stdout.write(usage);
    return 0;
  }
  try {
    return await work();
  } catch (error) {
    const isMistyped = error instanceof WordError;
    const isKnown =
      isMistyped ||
      error instanceof KernelError ||
      error instanceof UnreachableError ||
      error instanceof SilentError ||
      error instanceof RangeError;
    if (!isKnown) throw error;
    const hint = isMistyped ? `; see conntrackd-ts ${name} --help` : '';
    stderr.write(`${name}: ${error.message}${hint}\n`);
    return 1;
  }
}

/** The program runs in the network namespace whose kernel it asks, so the timeouts are those of its flows. */
export function flowContext(): FlowContext {
  return { idle: new IdleClock(readTimeoutSetting), now: () => Math.floor(Date.now() / 1000) };
}

const SOURCES = ['kernel', 'internal', 'external'] as const;

/**
 * The source that `--from` names. Undefined where the configuration that names the daemon cannot be read, which has been said.
 * @throws WordError
 */
export function flowSource(from = 'kernel', configuration?: string): FlowSource | undefined {
  const name = SOURCES.find((source) => source === from);
  if (name === undefined) throw unexpectedWord(from, `behind --from one of ${SOURCES.join(', ')}`, SOURCES);
  if (name === 'kernel') return kernelSource;
  const parsed = readConfiguration(configuration);
  return parsed && cacheSource(parsed.config.general.unix.path ?? '', name);
}

/** Seconds behind an option. @throws WordError */
export function durationOption(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseDuration(text);
  if (seconds === undefined) throw unexpectedWord(text, `behind ${option} a time such as 5s`);
  return seconds;
}

/** A whole number behind an option. @throws WordError */
export function numberOption(option: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = parseWhole(text, max);
  if (value === undefined) throw unexpectedWord(text, `behind ${option} a number up to ${max}`);
  return value;
}

/** One of these words behind an option. @throws WordError */
export function wordOption<T extends string>(
  option: string,
  text: string | undefined,
  words: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const found = words.find((word) => word === text.toLowerCase());
  if (found === undefined) throw unexpectedWord(text, `behind ${option} one of ${words.join(', ')}`, words);
  return found;
}

/** At most one of these options. @throws WordError */
export function atMostOne(values: Readonly<Record<string, unknown>>, ...names: readonly string[]): void {
  const given = names.filter((name) => values[name] !== undefined && values[name] !== false);
  if (given.length > 1) throw new WordError(`--${given[0]} and --${given[1]} exclude each other`);
}

/** Text for an output that may be slower than we are. */
export class TextOutput {
  private readonly stream: Writable;
  private text = '';

  constructor(stream: Writable) {
    this.stream = stream;
  }

  add(text: string): void {
    this.text += text;
  }

  /** Writes what was added, and waits until the output takes more. */
  async flush(): Promise<void> {
    const { text } = this;
    if (text === '') return;
    this.text = '';
    if (!this.stream.write(text)) await once(this.stream, 'drain');
  }
}
