/** Debian's packages, downloaded through apt and unpacked into a cache; nothing is installed. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type CommandResult, run } from './process.ts';

/** Milliseconds. */
export const DOWNLOAD_TIMEOUT_MS = 600_000;

export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'conntrackd-ts');

async function must(command: string, args: readonly string[]): Promise<string> {
  const result: CommandResult = await run(command, args, { timeout: DOWNLOAD_TIMEOUT_MS });
  if (result.code === 0) return result.stdout;
  throw new Error(
    `${[command, ...args].join(' ')}: exit code ${result.code}: ${result.stderr.trim().slice(-1_000)}`,
  );
}

export interface UnpackOptions {
  /** Options of apt that reach the packages. */
  readonly aptOptions?: readonly string[];
  /** What else the folder needs before it is complete. */
  readonly finish?: (unpacked: string) => Promise<void>;
}

/**
 * Unpacks these packages into the folder, unless it exists: whoever finds it finds it complete.
 * @throws Error that names the command that failed
 */
export async function unpackPackages(
  directory: string,
  packages: readonly string[],
  { aptOptions = [], finish }: UnpackOptions = {},
): Promise<void> {
  if (existsSync(directory)) return;
  const parent = join(directory, '..');
  mkdirSync(parent, { recursive: true });
  const scratch = mkdtempSync(join(parent, 'unpack-'));
  try {
    const download = 'cd "$0" && exec apt-get "$@"';
    const sandbox = ['-o', 'APT::Sandbox::User=root'];
    await must('sh', ['-c', download, scratch, ...aptOptions, ...sandbox, '-qq', 'download', ...packages]);
    const archives = readdirSync(scratch).filter((file) => file.endsWith('.deb'));
    if (archives.length !== packages.length)
      throw new Error(`apt-get download ${packages.join(' ')} brought ${archives.length} packages`);
    const unpacked = join(scratch, 'unpacked');
    for (const archive of archives) await must('dpkg-deb', ['-x', join(scratch, archive), unpacked]);
    await finish?.(unpacked);
    if (!existsSync(directory)) renameSync(unpacked, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Runs depmod for the one kernel in the folder. */
export async function makeModuleList(directory: string, release: string): Promise<void> {
  await must('depmod', ['-b', directory, release]);
}
