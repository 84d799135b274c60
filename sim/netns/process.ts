import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE } from './patience.ts';

/** How a process ended: by exit code or by signal, never both. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface CommandResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Text for standard input. */
  readonly input?: string;
  /** Milliseconds until the command counts as hanging and is killed, times {@link PATIENCE}; by default 60,000. */
  readonly timeout?: number;
  /** Most characters kept of each output stream; a command that writes more is killed. By default 512 Mi. */
  readonly limit?: number;
}

const COMMAND_TIMEOUT = 60_000;
const OUTPUT_LIMIT = 512 * 1024 * 1024;
const STDERR_KEPT = 256 * 1024;

/** Runs a command to its end. Rejects only if it cannot be started, hangs, or floods its output. */
export function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { limit = OUTPUT_LIMIT } = options;
  const timeout = (options.timeout ?? COMMAND_TIMEOUT) * PATIENCE;
  const shown = [command, ...args].join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let trouble: string | undefined;
    const abandon = (why: string) => {
      trouble ??= why;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => abandon(`still running after ${timeout} ms`), timeout);
    const collect = (stream: NodeJS.ReadableStream) => {
      const chunks: Buffer[] = [];
      let size = 0;
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limit) abandon(`more than ${limit} characters of output`);
        else chunks.push(chunk);
      });
      return () => Buffer.concat(chunks).toString('utf8');
    };
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`${shown}: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (trouble !== undefined) reject(new Error(`${shown}: ${trouble}`));
      else resolve({ code, signal, stdout: stdout(), stderr: stderr() });
    });
    // A command that does not read its input closes the pipe early; only its exit code matters.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a command that must end with exit code 0, and returns its standard output. */
export async function runOrThrow(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await run(command, args, options);
  if (result.code === 0) return result.stdout;
  const how = result.signal ?? `exit code ${result.code}`;
  throw new Error(
    `${[command, ...args].join(' ')}: ${how}: ${(result.stderr || result.stdout).trim().slice(-2000)}`,
  );
}

/** A process that runs in the background until it is stopped. */
export interface RunningProcess {
  readonly pid: number;
  readonly shown: string;
  /** Settles when the process has ended, and never rejects. */
  readonly ended: Promise<Exit>;
  running(): boolean;
  /** The end of its standard error output, at most 256 KiB. */
  stderr(): string;
  /**
   * Waits until all that was written to standard error is in `stderr()`: what a process wrote last may be read after its end. Waits
   * at most `limit` milliseconds, because a daemon that it started may keep the pipe open.
   */
  stderrRead(limit: number): Promise<void>;
  /** Calls `listener` for each further line of standard output. */
  onLine(listener: (line: string) => void): void;
  /** Writes a line to its standard input; has no effect once the process has ended. */
  send(line: string): void;
  signal(signal: NodeJS.Signals): void;
  /** Sends the signal (by default SIGTERM) and waits; kills the process if it does not end within `grace` milliseconds, times {@link PATIENCE}. */
  stop(signal?: NodeJS.Signals, grace?: number): Promise<Exit>;
}

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Starts a process that keeps running. */
export async function start(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<RunningProcess> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const shown = [command, ...args].join(' ').slice(0, 300);
  let running = true;
  let stderr = '';
  const ended = new Promise<Exit>((resolve) => {
    // 'exit', not 'close': a daemon that forks keeps its parent's pipes open.
    child.on('exit', (code, signal) => {
      running = false;
      resolve({ code, signal });
    });
  });
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
  });
  const stderrClosed = new Promise<void>((resolve) => void child.stderr.once('close', resolve));
  child.stdin.on('error', () => {});
  const listeners: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    for (const listener of listeners) listener(line);
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Error(`${shown}: ${error.message}`)));
  });
  const signal = (name: NodeJS.Signals) => {
    if (running) child.kill(name);
  };
  return {
    pid: child.pid!,
    shown,
    ended,
    running: () => running,
    stderr: () => stderr,
    async stderrRead(limit) {
      const late = new AbortController();
      await Promise.race([stderrClosed, sleep(limit, undefined, { signal: late.signal }).catch(() => {})]);
      late.abort();
    },
    onLine: (listener) => listeners.push(listener),
    send: (line) => {
      if (running) child.stdin.write(`${line}\n`);
    },
    signal,
    async stop(name = 'SIGTERM', grace = 5_000) {
      signal(name);
      const timer = setTimeout(() => signal('SIGKILL'), grace * PATIENCE);
      const exit = await ended;
      clearTimeout(timer);
      return exit;
    },
  };
}
