import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Namespace } from '../../../sim/netns/namespace.ts';
import { type CommandResult, run, runOrThrow } from '../../../sim/netns/process.ts';

const SUITE = 'bookworm';
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'conntrackd-ts', 'roots');

/**
 * The package as `npm run package` built it.
 * @param architecture as Debian names it; by default this machine's
 * @throws Error where there is none
 */
export function builtPackage(architecture = process.arch === 'x64' ? 'amd64' : process.arch): string {
  const out = fileURLToPath(new URL('../../../out', import.meta.url));
  const name = readdirSync(out).find((file) => file.endsWith(`_${architecture}.deb`));
  if (name === undefined) throw new Error(`no package for ${architecture} in ${out}`);
  return join(out, name);
}

/** A Debian with nothing but what every Debian has, in a folder, on the network of a namespace. */
export interface BareRoot {
  readonly path: string;
  /** Runs a command in it, whatever its exit code. */
  run(command: string, ...args: readonly string[]): Promise<CommandResult>;
  /** Runs a command that must succeed; returns its standard output. */
  must(command: string, ...args: readonly string[]): Promise<string>;
  /** Every file with its kind, mode, owner and size, but for what Debian's own tools write about their work. */
  listing(): Promise<readonly string[]>;
}

/**
 * Makes the root once for this machine, and copies it to `path`, which the caller removes.
 * @param packages of Debian that are in it beside the least
 */
export async function copyRoot(path: string, packages: readonly string[] = []): Promise<void> {
  const original = join(CACHE, [SUITE, ...packages].join('+'));
  if (!existsSync(original)) {
    const unfinished = `${original}.${process.pid}`;
    mkdirSync(CACHE, { recursive: true });
    const included = packages.length === 0 ? [] : [`--include=${packages.join(',')}`];
    try {
      await runOrThrow('debootstrap', ['--variant=minbase', ...included, SUITE, unfinished], {
        timeout: 600_000,
      });
      renameSync(unfinished, original);
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
    }
  }
  await runOrThrow('cp', ['-a', '--reflink=auto', original, path]);
}

/** A root with the least that a Debian has, copied to `path`. */
export async function openBareRoot(namespace: Namespace, path: string): Promise<BareRoot> {
  await copyRoot(path);
  // `ip netns exec` has a mount namespace of its own for each command, so nothing stays mounted.
  const script = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"';
  const environment = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'DEBIAN_FRONTEND=noninteractive'];
  const inside = (command: string, args: readonly string[]) => [
    ...['-c', script, path, '/usr/bin/env', '-i', ...environment],
    command,
    ...args,
  ];
  return {
    path,
    run: (command, ...args) => namespace.run('sh', inside(command, args), { timeout: 120_000 }),
    must: (command, ...args) => namespace.must('sh', inside(command, args), { timeout: 120_000 }),
    async listing() {
      const { stdout } = await run('find', [path, '-xdev', '-printf', '/%P %y %m %U:%G %l %s\n']);
      // The size of a folder says how many files it once had.
      const lines = stdout
        .split('\n')
        .map((line) => (/ d \d+ /.test(line) ? line.replace(/ \d+$/, '') : line));
      return lines.filter((line) => line !== '' && !BOOKKEEPING.test(line)).sort();
    },
  };
}

const BOOKKEEPING =
  /^\/var\/(?:lib\/(?:dpkg|apt)|cache\/(?:apt|debconf|ldconfig|man)|log\/(?:apt|dpkg\.log|alternatives\.log))[/ ]/;
