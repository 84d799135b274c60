import {
  type CommandOptions,
  type CommandResult,
  type RunningProcess,
  run,
  runOrThrow,
  type StartOptions,
  start,
} from './process.ts';
import type { Scope } from './scope.ts';

/** One network namespace. It lives as long as the scope it was made in. */
export interface Namespace {
  readonly name: string;
  /** Runs a command inside, whatever its exit code. */
  run(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Runs a command inside that must succeed; returns its standard output. */
  must(command: string, args: readonly string[], options?: CommandOptions): Promise<string>;
  /** Runs `ip` commands inside, one a line (`addr add ...`); the first one that fails ends it with an error. */
  ip(...commands: readonly string[]): Promise<void>;
  /** As `ip`, for commands that may find their work done: each one runs, none of their errors counts. */
  ipLenient(...commands: readonly string[]): Promise<void>;
  /** Loads an nft script. */
  nft(script: string): Promise<void>;
  /** Sets kernel parameters: `{ 'net.ipv4.ip_forward': 1 }`. */
  sysctl(values: Readonly<Record<string, number | string>>): Promise<void>;
  /** Starts a process inside that goes on running; it is killed with the scope at the latest. */
  start(command: string, args: readonly string[], options?: StartOptions): Promise<RunningProcess>;
}

/** Makes a namespace in a scope, with its loopback up. */
export async function createNamespace(scope: Scope, suffix: string): Promise<Namespace> {
  const name = scope.addNamespace(suffix);
  const inside = (command: string, args: readonly string[]) => ['netns', 'exec', name, command, ...args];
  const namespace: Namespace = {
    name,
    run: (command, args, options) => run('ip', inside(command, args), options),
    must: (command, args, options) => runOrThrow('ip', inside(command, args), options),
    async ip(...commands) {
      await runOrThrow('ip', ['-n', name, '-batch', '-'], { input: `${commands.join('\n')}\n` });
    },
    async ipLenient(...commands) {
      await run('ip', ['-n', name, '-force', '-batch', '-'], { input: `${commands.join('\n')}\n` });
    },
    async nft(script) {
      await namespace.must('nft', ['-f', '-'], { input: script });
    },
    async sysctl(values) {
      const script = Object.entries(values)
        .map(([key, value]) => `echo '${value}' > '/proc/sys/${key.replaceAll('.', '/')}'\n`)
        .join('');
      await namespace.must('sh', ['-e'], { input: script });
    },
    // `ip netns exec` replaces itself with the program, so the child's pid is the program's.
    start: (command, args, options) => start('ip', inside(command, args), options),
  };
  await namespace.ip('link set lo up');
  return namespace;
}
