import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Console, processConsole } from './console.ts';

/** Set in the environment of the process that becomes the daemon. */
const MARK = 'CONNTRACKD_TS_DETACHED';
/** Its descriptor to the process that started it. */
const REPORT_FD = 3;

/** One line of JSON on the descriptor. */
type Report =
  | { readonly kind: 'line'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly kind: 'ready' };

/** True in the process that becomes the daemon. */
export function isDetached(): boolean {
  return process.env[MARK] === '1';
}

export interface DetachOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** Called with the process id of the future daemon. */
  readonly spawned: (pid: number) => void;
}

/**
 * Starts this program again in a session of its own, without the terminal, and passes on its log lines until it is
 * ready. Resolves to the exit code: 0 when the daemon works, 1 when it could not start. The working directory stays: the
 * arguments may name files from there.
 * @param args the program's arguments
 */
export async function startDetached(
  program: string,
  args: readonly string[],
  { environment, spawned }: DetachOptions,
): Promise<0 | 1> {
  const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...environment, [MARK]: '1' },
  });
  if (child.pid !== undefined) spawned(child.pid);
  const pipe = child.stdio[REPORT_FD];
  if (!pipe || !('read' in pipe)) throw new Error('no pipe to the daemon');
  let ready = false;
  for await (const line of createInterface({ input: pipe })) {
    const report = JSON.parse(line) as Report;
    if (report.kind === 'line') processConsole(report.stream, report.text);
    else ready = true;
    if (ready) break;
  }
  if (ready) child.unref();
  pipe.destroy();
  return ready ? 0 : 1;
}

/** The daemon's side of {@link startDetached}. */
export class Starter {
  private open = true;

  /** Passes a line to the console of the process that started the daemon, while that waits. */
  readonly console: Console = (stream, text) => this.report({ kind: 'line', stream, text });

  constructor() {
    delete process.env[MARK];
  }

  /** The daemon works: lets the starting process exit. */
  ready(): void {
    this.report({ kind: 'ready' });
    if (this.open) closeSync(REPORT_FD);
    this.open = false;
  }

  private report(report: Report): void {
    if (!this.open) return;
    try {
      writeSync(REPORT_FD, `${JSON.stringify(report)}\n`);
    } catch {
      // The starting process was killed: the daemon continues.
      this.open = false;
    }
  }
}
