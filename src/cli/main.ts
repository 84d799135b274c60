import { isatty } from 'node:tty';
import { processConsole } from '../daemon/process/console.ts';
import { isTask, parseArguments } from './arguments.ts';
import { warningLines } from './invocation.ts';
import { writeOutput } from './standard-output.ts';

const args = process.argv.slice(2);
// C starts a daemon here; who types the bare name wants to know what there is.
const isBareOnTerminal = args.length === 0 && isatty(0) && isatty(1);
const { action, warnings } = parseArguments(isBareOnTerminal ? ['--help'] : args);
// The launcher, bin/conntrackd-ts, says what it was called as.
const program = process.env.CONNTRACKD_TS_PROGRAM ?? process.argv[1]!;
const invocation = { program, pid: process.pid, now: new Date() };
processConsole('stderr', warningLines(warnings, invocation));

// Each command loads what it needs and no more: a module takes Node a millisecond and more.
if (isTask(action)) {
  const { run } = await import('./run.ts');
  process.exitCode = await run(action, args);
} else {
  const { immediateOutcome } = await import('./outcome.ts');
  const { stdout, stderr, code } = immediateOutcome(action, invocation);
  process.exitCode = writeOutput(stdout, code);
  processConsole('stderr', stderr);
}
