import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));

/** From the top to the bottom: a room may import its own row and the rows below. */
const ROWS: readonly (readonly string[])[] = [
  ['cli'],
  ['daemon'],
  ['control', 'link', 'kernel', 'config'],
  ['sync', 'table'],
  ['wire'],
  ['flow'],
  ['system'],
  ['bytes'],
];

/** The rooms that may import Node's I/O modules. */
const WITH_IO = new Set(['system', 'link', 'kernel', 'control', 'daemon', 'cli']);

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
}

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

const imports: Import[] = files(src).flatMap((path) => {
  const file = relative(src, path);
  const text = readFileSync(path, 'utf8');
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
  return [...found].map(([, target]) => ({ file, room: file.split('/')[0]!, target: target! }));
});

/** All that is loaded with a module before it runs: files, packages and modules of Node. */
function loadedBy(file: string, seen = new Set([file])): readonly string[] {
  const text = readFileSync(join(src, file), 'utf8');
  for (const [, target] of text.matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)';/gm)) {
    const name = target!.startsWith('.') ? join(dirname(file), target!) : target!;
    if (seen.has(name)) continue;
    seen.add(name);
    if (name.endsWith('.ts')) loadedBy(name, seen);
  }
  return [...seen];
}

function rowOf(room: string): number {
  return ROWS.findIndex((row) => row.includes(room));
}

describe('the rooms of src', () => {
  test('are all in the picture', () => {
    const rooms = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.map(({ name }) => name).sort()).toEqual(ROWS.flat().sort());
    expect(imports.length).toBeGreaterThan(100);
  });

  test('import only their own row and the rows below', () => {
    const upwards = imports
      .filter(({ target, file }) => target.startsWith('.') && file.includes('/'))
      .filter(({ file, room, target }) => {
        const other = relative(src, join(src, file, '..', target)).split('/')[0]!;
        return rowOf(other) < rowOf(room);
      });
    expect(upwards).toEqual([]);
  });

  test("keep Node's I/O modules out of the pure ones", () => {
    const impure = imports.filter(({ room, target }) => target.startsWith('node:') && !WITH_IO.has(room));
    expect(impure).toEqual([]);
  });

  test('import no package that is for development alone', () => {
    const { dependencies } = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const packages = imports.filter(({ target }) => !target.startsWith('.') && !target.startsWith('node:'));
    expect(packages.length).toBeGreaterThan(0);
    expect(packages.filter(({ target }) => dependencies[target] === undefined)).toEqual([]);
  });

  test('load koffi in one module of system', () => {
    const loaders = files(src).filter((path) => /['"]koffi['"]/.test(readFileSync(path, 'utf8')));
    expect(loaders.map((path) => relative(src, path))).toEqual(['system/native.ts']);
  });

  test('let a client command load no package and nothing of the daemon but how it writes its lines', () => {
    const loaded = loadedBy('cli/run.ts');
    expect(loaded).toEqual(expect.arrayContaining(['config/parse.ts', 'control/client.ts']));
    expect(
      loaded.filter((target) => !/^(cli|config|control|flow|node:.*)(\/|$)/.test(target)).sort(),
    ).toEqual(['daemon/process/console.ts', 'daemon/process/log-line.ts']);
    expect(loadedBy('cli/main.ts')).not.toContain('config/parse.ts');
  });
});
