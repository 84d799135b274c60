import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A folder in which the package is installed as `npm pack` packs it, with the packages that it depends on, from no registry. */
export interface PackedLibrary {
  /** The folder of a program that imports the package. */
  readonly folder: string;
  /** The package in it. */
  readonly package: string;
  /** Installs another package of this repository's, unless it is there. */
  addPackage(name: string): void;
  remove(): void;
}

/** Packs what was built last. */
export function installPacked(): PackedLibrary {
  const folder = mkdtempSync(join(tmpdir(), 'packed-library-'));
  try {
    const modules = join(folder, 'node_modules');
    const target = join(modules, 'conntrackd-ts');
    mkdirSync(target, { recursive: true });
    const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
    const name = execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8' }).trim();
    execFileSync('tar', ['-xzf', join(folder, name), '-C', target, '--strip-components=1']);
    const addPackage = (other: string): void => {
      if (existsSync(join(modules, other))) return;
      mkdirSync(dirname(join(modules, other)), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', other), join(modules, other));
    };
    const { dependencies } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'));
    for (const other of Object.keys(dependencies)) addPackage(other);
    return {
      folder,
      package: target,
      addPackage,
      remove: () => rmSync(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
