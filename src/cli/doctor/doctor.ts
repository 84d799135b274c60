import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DEFAULTS } from '../../config/defaults.ts';
import { SCHEMA_VERSION } from '../../control/version.ts';
import { examine } from '../../diagnosis/checks.ts';
import { countOf, type Finding, type Level, worstFirst } from '../../diagnosis/finding.ts';
import { checkPair } from '../../diagnosis/node/check-pair.ts';
import type { Facts } from '../../facts/facts.ts';
import { factsJson, parseFacts } from '../../facts/facts-json.ts';
import { FactSource } from '../../facts/gather-facts.ts';
import { secondsOption } from '../options/seconds-option.ts';
import { OptionHelp, type OutputStreams, SharedOptions, withOptions } from '../options/shared-options.ts';

/** Seconds that the counters are watched. */
const SECONDS = 5;

const USAGE = `Usage: conntrackd-ts doctor [-C FILE] [--for TIME] [--peer FILE] [--json]
Looks for what is wrong with connection tracking, its replication and this machine, and says what to do about it, the worst
first, with the commands that mend it. Changes nothing. Exit code 1 if there is a problem.
${OptionHelp.config}
  --for TIME, how long to watch the kernel's counters, events and the peer (${SECONDS}s)
  --peer FILE, compare with the other node: what doctor --json or status --json printed there; - is standard input
${OptionHelp.factsJson}
`;

function counted(findings: readonly Finding[], level: Level): string {
  const number = countOf(findings, level);
  return `${number} ${level}${number === 1 ? '' : 's'}`;
}

/** One line a finding, what to do below it, and a last line that sums up. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(9 + width);
  let text = '';
  for (const { check, level, found, advice, commands = [] } of worstFirst(findings)) {
    text += `${level.padEnd(8)} ${check.padEnd(width)}  ${found}\n`;
    if (advice !== undefined) text += `${indent}  -> ${advice}\n`;
    for (const command of commands) text += `${indent}  $ ${command}\n`;
  }
  const sum = `${counted(findings, 'problem')}, ${counted(findings, 'warning')}`;
  const blind = countOf(findings, 'unseen');
  return `${text}\n${sum}${blind === 0 ? '' : `, ${blind} could not be looked at`}\n`;
}

/** `{"schema":1,"problems":0,"warnings":1,"unseen":0,"findings":[{"check":...,"level":...,"found":...,"advice":...,"commands":[...]}],"facts":...}` */
export function findingsJson(findings: readonly Finding[], facts: Facts): string {
  const [problems, warnings, unseen] = (['problem', 'warning', 'unseen'] as const).map((level) =>
    countOf(findings, level),
  );
  const sorted = worstFirst(findings);
  return `${JSON.stringify({ schema: SCHEMA_VERSION, problems, warnings, unseen, findings: sorted, facts: factsJson(facts) })}\n`;
}

interface Options {
  readonly path: string;
  readonly seconds: number;
  readonly peer: Facts | undefined;
  readonly isJson: boolean;
}

const { config, for: duration, help, json } = SharedOptions;

/** Undefined where help was asked for. @throws Error that says what is wrong with the arguments */
function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { config, for: duration, peer: { type: 'string' }, json, help },
  });
  if (values.help) return undefined;
  return {
    path: values.config ?? DEFAULTS.configFile,
    seconds: secondsOption('--for', values.for, SECONDS),
    peer: values.peer === undefined ? undefined : peerAt(values.peer),
    isJson: values.json ?? false,
  };
}

function peerAt(path: string): Facts {
  try {
    return parseFacts(readFileSync(path === '-' ? 0 : path, 'utf8'));
  } catch (error) {
    throw new Error(`--peer ${path}: ${(error as Error).message}`);
  }
}

/** `doctor [-C FILE] [--for TIME] [--peer FILE] [--json]`. Resolves to the exit code: 1 for wrong arguments, or a problem. */
export function runDoctor(args: readonly string[], streams: OutputStreams): Promise<0 | 1> {
  const words = { name: 'doctor', usage: USAGE, wrong: 1 } as const;
  return withOptions(
    words,
    streams,
    () => readOptions(args),
    (options) => examineMachine(options, streams),
  );
}

async function examineMachine(
  { path, seconds, peer, isJson }: Options,
  { stdout }: OutputStreams,
): Promise<0 | 1> {
  const facts = await new FactSource(path).gather({ seconds, isClose: true });
  const findings = [...(peer === undefined ? [] : checkPair(facts, peer)), ...examine(facts)];
  stdout.write(isJson ? findingsJson(findings, facts) : findingsText(findings));
  return countOf(findings, 'problem') > 0 ? 1 : 0;
}
