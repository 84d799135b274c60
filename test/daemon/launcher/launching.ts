import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RequestHandler } from '../../../src/control/server.ts';
import { LauncherServer } from '../../../src/daemon/launcher/launcher-server.ts';
import { RunDirectory } from '../../../src/daemon/launcher/run-directory.ts';

export const LAUNCHER = new URL('../../../bin/conntrackd-ts', import.meta.url).pathname;

/** What a stand-in for Node prints, before its arguments, and its exit code. */
const NODE = { word: 'NODE', code: 7 };

export interface Launched {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Node was started, with these arguments after the program. */
export function node(...args: readonly string[]) {
  return { code: NODE.code, signal: null, stdout: [NODE.word, ...args, ''].join('\n'), stderr: '' };
}

export const DONE: Launched = { code: 0, signal: null, stdout: '', stderr: '' };

/** A folder with a base for run directories, a configuration file and a stand-in for Node. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), 'launcher-'));
  readonly base = join(this.folder, 'run');
  readonly configuration = join(this.folder, 'c.conf');
  readonly log: string[] = [];
  readonly errors: unknown[] = [];
  private readonly node = join(this.folder, 'node');
  private readonly servers: LauncherServer[] = [];
  private readonly children: ChildProcess[] = [];

  constructor() {
    writeFileSync(this.configuration, '');
    writeFileSync(this.node, `#!/bin/sh\nshift\nprintf '%s\\n' ${NODE.word} "$@"\nexit ${NODE.code}\n`);
    chmodSync(this.node, 0o755);
  }

  makeDirectory(configuration = this.configuration): RunDirectory {
    const modifiedNs = statSync(configuration, { bigint: true }).mtimeNs;
    return RunDirectory.make(this.base, { path: configuration, modifiedNs });
  }

  serve(
    handler: RequestHandler,
    { configuration = this.configuration, warnings = [] as readonly string[] } = {},
  ): LauncherServer {
    const server = new LauncherServer(this.makeDirectory(configuration), {
      handler,
      warnings,
      log: { warning: (text) => this.log.push(text) },
      onError: (error) => this.errors.push(error),
    });
    this.servers.push(server);
    return server;
  }

  /** Starts the launcher, by default for this place's configuration. */
  start(args: readonly string[], shell: readonly string[] = [], cwd = this.folder, launcher = LAUNCHER) {
    const [command, ...rest] = [...shell, launcher, ...args] as [string, ...string[]];
    const child = spawn(command, rest, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, CONNTRACKD_TS_RUN_DIR: this.base, CONNTRACKD_TS_NODE: this.node },
    });
    this.children.push(child);
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        texts[name] += text;
      });
    }
    const ended = new Promise<Launched>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal, ...texts }));
    });
    return { child, ended };
  }

  run(...args: readonly string[]): Promise<Launched> {
    return this.start(args).ended;
  }

  /** The same with this place's configuration. */
  ask(...args: readonly string[]): Promise<Launched> {
    return this.run(...args, '-C', this.configuration);
  }

  /** The launcher with another patience than a minute: its path. */
  hasty(seconds: number): string {
    const path = join(this.folder, 'hasty');
    const text = readFileSync(LAUNCHER, 'utf8').replaceAll(/patience=\d+/g, `patience=${seconds}`);
    writeFileSync(path, text, { mode: 0o755 });
    return path;
  }

  makeFolder(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path);
    return path;
  }

  close(): void {
    for (const child of this.children) child.kill('SIGKILL');
    for (const server of this.servers.splice(0)) server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
