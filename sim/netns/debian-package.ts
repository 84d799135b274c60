/** Debian packages, downloaded through apt and unpacked into a cache; nothing is installed, and no service is started. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from './process.ts';

const DOWNLOAD_TIMEOUT_MS = 600_000;

/** The folder `name` of this user's cache for the project. */
export function cacheDirectory(name: string): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'conntrackd-ts', name);
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(command, args, { timeout: DOWNLOAD_TIMEOUT_MS });
  if (code === 0) return;
  throw new Error(`${[command, ...args].join(' ')}: exit code ${code}: ${stderr.trim().slice(-1_000)}`);
}

export interface UnpackOptions {
  /** Where the folder for the package is made. */
  readonly cache: string;
  /** Options of apt that reach the package. */
  readonly aptOptions?: readonly string[];
  /** Done to the unpacked folder before anybody finds it. */
  readonly prepare?: (directory: string) => Promise<void>;
}

/** Downloads and unpacks a package, unless the cache has it. Returns its folder. */
export async function unpackPackage(
  name: string,
  { cache, aptOptions = [], prepare }: UnpackOptions,
): Promise<string> {
  const directory = join(cache, name);
  if (existsSync(directory)) return directory;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, 'unpack-'));
  try {
    // The user of apt's downloads cannot enter a cache in a home directory.
    const options = [...aptOptions, '-o', 'APT::Sandbox::User=root'];
    await must('sh', ['-c', 'cd "$0" && exec apt-get "$@"', scratch, ...options, '-qq', 'download', name]);
    const archive = readdirSync(scratch).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download ${name} brought no package`);
    const unpacked = join(scratch, 'unpacked');
    await must('dpkg-deb', ['-x', join(scratch, archive), unpacked]);
    await prepare?.(unpacked);
    // Whoever finds the folder finds it complete.
    if (!existsSync(directory)) renameSync(unpacked, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return directory;
}
