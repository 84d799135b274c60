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

/** One network namespace. It exists as long as the scope that made it. */
export interface Namespace {
  readonly name: string;
  /** Runs a command inside, whatever its exit code. */
  run(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Runs a command inside that must succeed; returns its standard output. */
  must(command: string, args: readonly string[], options?: CommandOptions): Promise<string>;
  /** Runs `ip` commands inside, one per line (`addr add ...`); stops with an error at the first one that fails. */
  ip(...commands: readonly string[]): Promise<void>;
  /** Like `ip`, for commands whose work may be done already: runs each one and ignores their errors. */
  ipLenient(...commands: readonly string[]): Promise<void>;
  /** Loads an nft script. */
  nft(script: string): Promise<void>;
  /** Sets kernel parameters: `{ 'net.ipv4.ip_forward': 1 }`. */
  sysctl(values: Readonly<Record<string, number | string>>): Promise<void>;
  /** Starts a process inside that keeps running, at the latest until the scope closes and kills it. */
  start(command: string, args: readonly string[], options?: StartOptions): Promise<RunningProcess>;
}

/** Makes a namespace in a scope and brings its loopback up. */
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
