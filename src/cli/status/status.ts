import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import { parseArgs } from 'node:util';
import { DEFAULTS } from '../../config/defaults.ts';
import { SCHEMA_VERSION } from '../../control/version.ts';
import { examineOperation } from '../../diagnosis/checks.ts';
import { type Finding, worstFirst } from '../../diagnosis/finding.ts';
import type { Facts } from '../../facts/facts.ts';
import { factsJson } from '../../facts/facts-json.ts';
import { FactSource } from '../../facts/gather-facts.ts';
import { secondsOption } from '../options/seconds-option.ts';
import { OptionHelp, type OutputStreams, SharedOptions, withOptions } from '../options/shared-options.ts';
import { Terminal } from '../terminal/terminal.ts';
import { StatusCode, statusCode, statusLines } from './status-text.ts';

/** Seconds that the counters are watched, and between two screens. */
const SECONDS = 1;
const EVERY_SECONDS = 2;
/** Size of what is printed once. */
const SCREEN = { columns: 80, lines: 24 } as const;

const USAGE = `Usage: conntrackd-ts status [-C FILE] [--for TIME] [--json] [--watch [--every TIME]]
Says in one screen whether connection tracking and its replication are well, and if not, what to do first. Reads the whole table
of the kernel; without a daemon it shows what the kernel tells. Exit code as a monitoring plugin's: 0 all is well, 1 a warning,
2 a problem, 3 it cannot be told.
${OptionHelp.config}
  --for TIME, how long to watch the kernel's counters (${SECONDS}s)
${OptionHelp.factsJson}
  --watch, again and again until q is pressed, with the counters of the last 10 seconds
  --every TIME, with --watch: how often (${EVERY_SECONDS}s)
`;

interface Options {
  readonly path: string;
  readonly isPathGiven: boolean;
  readonly seconds: number;
  readonly isJson: boolean;
  readonly isWatched: boolean;
}

const { config, every, for: duration, help, json } = SharedOptions;

/** Undefined where help was asked for. @throws Error that says what is wrong with the arguments */
function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { config, for: duration, every, json, watch: { type: 'boolean' }, help },
  });
  if (values.help) return undefined;
  const isWatched = values.watch ?? false;
  if (isWatched && values.json) throw new Error('--json and --watch exclude each other');
  if (isWatched && values.for !== undefined)
    throw new Error('--for is without --watch; with it, use --every');
  if (!isWatched && values.every !== undefined) throw new Error('--every needs --watch');
  return {
    path: values.config ?? DEFAULTS.configFile,
    isPathGiven: values.config !== undefined,
    seconds: isWatched
      ? secondsOption('--every', values.every, EVERY_SECONDS)
      : secondsOption('--for', values.for, SECONDS),
    isJson: values.json ?? false,
    isWatched,
  };
}

/** What is wrong with the files is no news where there is none and nobody named one: the kernel's table is asked alone. */
function findingsOf(facts: Facts, { path, isPathGiven }: Options): Finding[] {
  const isBare = !isPathGiven && !existsSync(path);
  return examineOperation(facts).filter(({ check }) => !(isBare && check === 'configuration'));
}

/** `{"schema":1,"status":0,"findings":[...],"facts":{...}}`, findings that are ok among them. */
function statusJson(facts: Facts, findings: readonly Finding[]): string {
  const sorted = worstFirst(findings);
  return `${JSON.stringify({ schema: SCHEMA_VERSION, status: statusCode(facts, findings), findings: sorted, facts: factsJson(facts) })}\n`;
}

export interface Streams extends OutputStreams {
  readonly stdin: Readable;
}

/** `status [-C FILE] [--json] [--watch]`. Resolves to the exit code. */
export function runStatus(args: readonly string[], streams: Streams): Promise<StatusCode> {
  const words = { name: 'status', usage: USAGE, wrong: StatusCode.UNKNOWN };
  return withOptions<Options, StatusCode>(
    words,
    streams,
    () => readOptions(args),
    (options) => showStatus(options, streams),
  );
}

async function showStatus(options: Options, { stdout, stderr, stdin }: Streams): Promise<StatusCode> {
  const source = new FactSource(options.path);
  if (options.isWatched) {
    if (stdin instanceof ReadStream && stdout instanceof WriteStream)
      return watch(source, options, stdin, stdout);
    stderr.write('status: there is no terminal to show it on: leave out --watch to print once\n');
    return StatusCode.UNKNOWN;
  }
  const facts = await source.gather({ seconds: options.seconds, isClose: false });
  const findings = findingsOf(facts, options);
  stdout.write(
    options.isJson ? statusJson(facts, findings) : `${statusLines(facts, findings, SCREEN).join('\n')}\n`,
  );
  return statusCode(facts, findings);
}

/** Shows the status until somebody quits. Resolves to that of the last screen. */
async function watch(
  source: FactSource,
  options: Options,
  stdin: ReadStream,
  stdout: WriteStream,
): Promise<StatusCode> {
  let code: StatusCode = StatusCode.UNKNOWN;
  let facts: Facts | undefined;
  let isOver = false;
  let quit = () => {};
  const over = new Promise<void>((resolve) => {
    quit = () => {
      isOver = true;
      resolve();
    };
  });
  const draw = () => {
    const { columns, lines } = terminal;
    // The last line is left to the terminal, which scrolls when it is full.
    const size = { columns, lines: lines - 1 };
    terminal.draw(
      facts === undefined ? ['looking ...'] : statusLines(facts, findingsOf(facts, options), size),
    );
  };
  const terminal = new Terminal(
    stdin,
    stdout,
    (key) => {
      if (key === 'q' || key === '\x03') quit();
    },
    () => draw(),
  );
  stdin.once('end', quit);
  try {
    draw();
    while (!isOver) {
      const gathered = source.gather({ seconds: options.seconds, isClose: false });
      await Promise.race([gathered, over]);
      if (isOver) break;
      facts = await gathered;
      code = statusCode(facts, findingsOf(facts, options));
      draw();
    }
    return code;
  } finally {
    terminal.close();
  }
}
