import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';
import { unpackedPackage } from './download.ts';
import type { FileTree } from './file-tree.ts';
import { ROOT } from './root.ts';

interface LockedPackage {
  readonly version: string;
  readonly integrity: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
}

/** A package that runs with the program, with the text of its licence. */
export interface BundledModule {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly licenseText: string;
}

/** What the program loads of a package, and what says whose it is. */
function isLoaded(file: string): boolean {
  return (
    (/\.(?:js|cjs|mjs)$/.test(file) || file === 'package.json') &&
    !/^(?:doc|vendor)\//.test(file) &&
    !/(?:cnoke|trampolines)\.cjs$/.test(file)
  );
}

function lockedPackages(): Readonly<Record<string, LockedPackage>> {
  return JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
}

/** The packages that the program needs: those of package-lock.json that are no tools. */
export function bundledModules(): BundledModule[] {
  const bundled: BundledModule[] = [];
  for (const [place, locked] of Object.entries(lockedPackages())) {
    if (place === '' || locked.dev || locked.devOptional || locked.optional) continue;
    const name = place.replace(/^node_modules\//, '');
    const { version, license = 'unknown' } = locked;
    bundled.push({ name, version, license, licenseText: licenseText(join(ROOT, place)) });
  }
  return bundled;
}

/** Adds the packages that the program needs below `path`. */
export function addModules(tree: FileTree, path: string): BundledModule[] {
  const modules = bundledModules();
  for (const { name } of modules) addModule(tree, path, name);
  return modules;
}

/** Adds koffi, with its library for an architecture, below `path`. */
export function addKoffi(tree: FileTree, path: string, { node }: Architecture): void {
  addModule(tree, path, 'koffi');
  const library = `@koromix/koffi-linux-${node}`;
  const { version, integrity } = lockedPackages()[`node_modules/${library}`]!;
  const source = unpackedPackage({ name: library, version, integrity });
  tree.addFolder(join(path, library), source, (file) =>
    [`linux_${node}/koffi.node`, 'index.js', 'package.json'].includes(file),
  );
}

function addModule(tree: FileTree, path: string, name: string): void {
  tree.addFolder(join(path, name), join(ROOT, 'node_modules', name), isLoaded);
}

/** koffi's libraries for Linux, by name, with their versions. */
export function koffiLibraries(): Readonly<Record<string, string>> {
  const libraries = Object.entries(lockedPackages())
    .filter(([place]) => place.startsWith('node_modules/@koromix/koffi-linux-'))
    .map(([place, { version }]) => [place.replace('node_modules/', ''), version]);
  return Object.fromEntries(libraries);
}

function licenseText(folder: string): string {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  if (file === undefined || !existsSync(join(folder, file))) throw new Error(`${folder} has no licence`);
  return readFileSync(join(folder, file), 'utf8');
}
