import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import { run } from '../../sim/netns/process.ts';
import { isTask, parseArguments } from '../../src/cli/arguments.ts';
import { warningLines } from '../../src/cli/invocation.ts';
import { immediateOutcome, type Outcome } from '../../src/cli/outcome.ts';
import { type ControlServer, openControlSocket } from '../../src/control/server.ts';

// The C program runs first, and ours must print the same.

const C = cProgramPath();

/** Hides what differs from run to run and from program to program: date, process, version, copyright. */
function masked({ stdout, stderr, code }: { stdout: string; stderr: string; code: number | null }) {
  const hide = (text: string) =>
    text
      .replace(/^\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\] \(pid=\d+\)/gm, '[DATE] (pid=PID)')
      .replace(/ v\d+\.\d+\.\d+/g, ' vVERSION')
      .replace(/^\(C\) .*$/gm, '(C)');
  return { stdout: hide(stdout), stderr: hide(stderr), code };
}

function ours(args: readonly string[]): Outcome {
  const { action, warnings } = parseArguments(args);
  if (isTask(action)) throw new Error(`\`${args.join(' ')}' is to be done`);
  const invocation = { program: C, pid: process.pid, now: new Date() };
  const outcome = immediateOutcome(action, invocation);
  return { ...outcome, stderr: warningLines(warnings, invocation) + outcome.stderr };
}

// Left out: `-C` without a file name, with which C 1.4.7 complains and then starts as a daemon; and words without a dash,
// which C reads by their second letter.
const IMMEDIATE = [
  '-h',
  '-v',
  '-help',
  '-version',
  '-z',
  '-',
  '--',
  '--nonsense',
  '-x',
  '-x -i',
  '-s -x',
  '-i -x -x',
  '-k -x',
  '-d -s',
  '-s -d',
  '-d -i -h',
  '-i -h',
  '-c -v',
  '-s multicast -h',
  '-s multi -z',
  '-s foo',
  '-s ctx',
  '-s networks',
  '-f foo',
  '-f internals',
  '-f foo -h',
  '-C /nonexistent -h',
  '-C -h -v',
  '-d -d -v',
];

describe('a command line that needs no daemon', () => {
  it.each(IMMEDIATE)('`%s` ends as in C', async (line) => {
    const args = line.split(' ');
    const theirs = await run(C, args);
    // An unknown option is a failure for C since 1.4.9.
    const code = theirs.stderr.includes('Unknown option') ? 1 : theirs.code;
    expect(masked(ours(args))).toEqual(masked({ ...theirs, code }));
  });

  it('with too long a path warns as C does', async () => {
    const args = ['-C', 'x'.repeat(5_000), '-v'];
    expect(masked(ours(args))).toEqual(masked(await run(C, args)));
  });
});

const REQUESTS = [
  '-c',
  '-c ct',
  '-c expect',
  '-c c',
  '-c e',
  '-i',
  '-i ct',
  '-i expect',
  '-i -x',
  '-i ct -x',
  '-i expect -x',
  '-e',
  '-e ct',
  '-e exp',
  '-e -x',
  '-e expect -x',
  '-i -e',
  '-F',
  '-F ct',
  '-F expect',
  '-f',
  '-f internal',
  '-f external',
  '-f i',
  '-f ex',
  '-R',
  '-R ct',
  '-R expect',
  '-B',
  '-t',
  '-k',
  '-n',
  '-s',
  '-s network',
  '-s n',
  '-s cache',
  '-s c',
  '-s ct',
  '-s runtime',
  '-s r',
  '-s multicast',
  '-s m',
  '-s link',
  '-s l',
  '-s rsqueue',
  '-s rs',
  '-s process',
  '-s p',
  '-s queue',
  '-s q',
  '-s expect',
  '-s e',
  '-s -B',
  '-s net -s link',
];

describe('a command line for the daemon', () => {
  let directory: string;
  let configuration: string;
  let server: ControlServer;
  let received: number[];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'arguments-'));
    configuration = join(directory, 'conf');
    const path = join(directory, 'ctl');
    writeFileSync(
      configuration,
      `Stats {\n}\nGeneral {\n  LockFile ${directory}/lock\n  UNIX {\n    Path ${path}\n  }\n}\n`,
    );
    server = await openControlSocket(path, (request, answer) => {
      received.push(request);
      answer.write('an answer\n');
    });
  });

  afterAll(async () => {
    await server?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it.each(REQUESTS)('`%s` sends the request that C sends', async (line) => {
    received = [];
    const args = [...line.split(' '), '-C', configuration];
    const theirs = await run(C, args);
    const command = parseArguments(args);
    expect(command.action).toEqual({ kind: 'request', request: received[0], configuration });
    expect(received).toHaveLength(1);
    const invocation = { program: C, pid: 1, now: new Date() };
    const ending = { stdout: 'an answer\n', stderr: warningLines(command.warnings, invocation), code: 0 };
    expect(masked(ending)).toEqual(masked(theirs));
  });

  it('with a table cut to nothing is the one for `ct`', async () => {
    received = [];
    const args = ['-i', '', '-C', configuration];
    await run(C, args);
    expect(parseArguments(args).action).toMatchObject({ request: received[0] });
  });
});
