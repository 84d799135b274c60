import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FileTree } from './file-tree.ts';
import { addModules, koffiLibraries } from './modules.ts';
import type { Release } from './release.ts';
import { ROOT } from './root.ts';

/** What a manifest has for those who develop the package. */
const FOR_DEVELOPERS: ReadonlySet<string> = new Set(['scripts', 'devDependencies', 'overrides', 'files']);

/**
 * Packs what package.json names in `files`, for `npm install -g FILE` and for programs that import the package. The packages that it
 * needs are in it, without install scripts: koffi's looks for a compiler where its library is missing, and npm warns of any script.
 * The library itself, one for each architecture, npm fetches. Returns the path of the tarball.
 */
export function packNpm({ version, epochSeconds }: Release, scratch: string, out: string): string {
  const tree = new FileTree(join(scratch, 'npm'));
  const declarations = new Set<string>();
  for (const path of entryDeclarations()) declarationsFrom(path, declarations);
  for (const { path, mode } of packedFiles()) {
    if (path.endsWith('.d.ts') && !declarations.has(path)) continue;
    tree.addFile(path, join(ROOT, path), mode & 0o111 ? 0o755 : 0o644);
  }
  const modules = addModules(tree, 'node_modules').map(({ name }) => name);
  for (const name of modules) {
    // npm installs nothing that a bundled package names: koffi's libraries are named by this one in its place.
    const manifest = `node_modules/${name}/package.json`;
    const { scripts, optionalDependencies, ...rest } = JSON.parse(tree.read(manifest).toString());
    tree.addText(manifest, jsonText(rest));
  }
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>;
  const kept = Object.entries(manifest).filter(([key]) => !FOR_DEVELOPERS.has(key));
  tree.addText(
    'package.json',
    jsonText({
      ...Object.fromEntries(kept),
      bundleDependencies: Object.keys(manifest.dependencies as object),
      optionalDependencies: koffiLibraries(),
    }),
  );
  tree.setTimes(epochSeconds);
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', out], {
    cwd: tree.root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return join(out, `conntrackd-ts-${version}.tgz`);
}

function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

interface PackedFile {
  readonly path: string;
  readonly mode: number;
}

function packedFiles(): readonly PackedFile[] {
  const listing = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // A list of packages, or since npm 12 an object of them by name.
  const parsed = JSON.parse(listing) as Record<string, { readonly files: readonly PackedFile[] }>;
  return Object.values(parsed)[0]!.files.filter(({ path }) => path !== 'package.json');
}

/** The declarations of what programs may import, by `exports` of package.json. */
function entryDeclarations(): readonly string[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
  };
  return Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? [] : [entry.types.replace(/^\.\//, '')],
  );
}

/** Adds a file of declarations and all that it refers to. */
function declarationsFrom(path: string, found: Set<string>): void {
  found.add(path);
  for (const [, target] of readFileSync(join(ROOT, path), 'utf8').matchAll(
    /(?:from|import\()\s*'(\.[^']+)'/g,
  )) {
    const declaration = join(dirname(path), target!).replace(/\.[jt]s$/, '.d.ts');
    if (!found.has(declaration)) declarationsFrom(declaration, found);
  }
}
