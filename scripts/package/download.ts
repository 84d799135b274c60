import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A package of the npm registry. `integrity` is the checksum of its tarball, as package-lock.json writes it. */
export interface RegistryPackage {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'conntrackd-ts', 'packages');

/**
 * The folder that a package's tarball unpacks to. It is downloaded once.
 * @throws Error where the tarball has another checksum
 */
export function unpackedPackage({ name, version, integrity }: RegistryPackage): string {
  const folder = join(CACHE, `${name.replace('/', '+')}-${version}`);
  if (existsSync(folder)) return join(folder, 'package');
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    // Packed elsewhere than in the repository, whose package.json would be asked for its scripts.
    const pack = ['pack', '--silent', '--pack-destination', unfinished, `${name}@${version}`];
    const file = execFileSync('npm', pack, { cwd: unfinished, encoding: 'utf8' }).trim();
    const tarball = join(unfinished, file);
    const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
    if (found !== integrity) {
      throw new Error(`${name}@${version}: the tarball has the checksum ${found}, expected ${integrity}`);
    }
    execFileSync('tar', ['-xzf', tarball, '-C', unfinished, '--no-same-owner']);
    rmSync(tarball);
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }
  return join(folder, 'package');
}
