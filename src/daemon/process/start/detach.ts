import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Duplex } from 'node:stream';
import { duplicateDescriptor } from '../../../system/process/program.ts';
import { type Console, processConsole } from '../console.ts';
import { entryNow, type LogFormat } from '../log-format.ts';
import { debuggerOptions } from './debugger.ts';
import { type Handover, handoverLine, readHandover } from './handover.ts';
import { PROCESS_NAME } from './process-name.ts';

/** Where the program that becomes the daemon reads its handover. */
export const HANDOVER_FD = 3;
/** The descriptor of the process that becomes the daemon to the one that started it: a pair of UNIX sockets. */
const STARTER_FD = HANDOVER_FD;
const STDERR_FD = 2;

/** One line of JSON on the descriptor. */
type Report = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'ready' };

export interface DetachOptions {
  /** Of what this process says itself. */
  readonly format: LogFormat;
  readonly environment: NodeJS.ProcessEnv;
  /** Called with the process id of the future daemon. */
  readonly spawned: (pid: number) => void;
}

/**
 * Starts `program` in a session of its own, without the terminal, hands it what the daemon needs, and passes on its warnings and
 * errors until it is ready; notices are for its log alone, as C's. Resolves to the exit code: 0 when the daemon works, 1 when it
 * could not start. SIGTERM and SIGINT meanwhile are passed on to it.
 * @param program path of the script that receives with {@link Starter}
 */
export async function startDetached(
  program: string,
  handover: Handover,
  { format, environment, spawned }: DetachOptions,
): Promise<0 | 1> {
  // It reads no arguments: they make room for its title, in which they stand.
  const nodeArguments = [...process.execArgv, ...debuggerOptions(), program, ...handover.args];
  const child = spawn(process.execPath, nodeArguments, {
    argv0: PROCESS_NAME,
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    env: environment,
  });
  const pipe = child.stdio[STARTER_FD];
  if (!(pipe instanceof Duplex)) throw new Error('no pipe to the daemon');
  const end = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  // Where the daemon dies before it has read, its end is reported below.
  pipe.on('error', () => {});
  pipe.write(handoverLine(handover));
  if (child.pid !== undefined) spawned(child.pid);
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => child.kill(name));

  let ready = false;
  let hasPrinted = false;
  try {
    for await (const line of createInterface({ input: pipe })) {
      const report = JSON.parse(line) as Report;
      ready = report.kind === 'ready';
      if (report.kind === 'ready') break;
      processConsole('stderr', report.text);
      hasPrinted = true;
    }
  } catch {
    // A connection that broke: `end` gives the reason.
  }
  pipe.destroy();
  if (ready) {
    child.unref();
    return 0;
  }
  const how = await end;
  if (!hasPrinted) {
    const text = `the daemon ended before it was ready: ${how}`;
    processConsole('stderr', format.forConsole(entryNow('ERROR', text, { event: 'start_failed' })));
  }
  return 1;
}

/** The daemon's side of {@link startDetached}. */
export class Starter {
  private open = true;
  readonly handover: Handover;

  /** Passes warnings and errors to the console of the process that started the daemon, while that waits. */
  readonly console: Console = (stream, text) => {
    if (stream === 'stderr') this.report({ kind: 'line', text });
  };

  /** @throws Error if this process was not started by {@link startDetached} */
  constructor() {
    this.handover = readHandover(STARTER_FD);
  }

  /** The daemon works: lets the starting process exit, and lets go of its terminal. */
  ready(): void {
    this.report({ kind: 'ready' });
    if (!this.open) return;
    this.open = false;
    closeSync(STARTER_FD);
  }

  /** From here on what is written to standard error goes nowhere, as for every daemon. */
  letGoOfTerminal(): void {
    const nothing = openSync('/dev/null', 'w');
    duplicateDescriptor(nothing, STDERR_FD);
    closeSync(nothing);
  }

  private report(report: Report): void {
    if (!this.open) return;
    try {
      writeSync(STARTER_FD, `${JSON.stringify(report)}\n`);
    } catch {
      // The starting process was killed: the daemon continues.
      this.open = false;
    }
  }
}
