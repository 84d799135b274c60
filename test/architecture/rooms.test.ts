import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const src = join(root, 'src');

/** From the top to the bottom: a room may import its own row and the rows below. */
const ROWS: readonly (readonly string[])[] = [
  ['cli'],
  ['daemon', 'diagnosis'],
  ['facts', 'metrics'],
  ['control', 'link', 'kernel', 'config', 'settings'],
  ['sync', 'table'],
  ['wire'],
  ['helper'],
  ['flow'],
  ['system'],
  ['bytes'],
];

/** What each folder of sim may import of the others. The commands `cluster.ts` and `demo.ts` stand above them all. */
const SIM: Readonly<Record<string, readonly string[]>> = {
  'c-node': [],
  netns: [],
  load: ['netns'],
  faults: ['netns', 'load', 'random.ts', 'arguments.ts', 'jobs.ts'],
  interop: ['netns', 'load', 'arguments.ts', 'jobs.ts'],
  soak: ['netns', 'load', 'faults', 'random.ts'],
  vm: ['netns'],
  cluster: ['c-node', 'random.ts'],
  fuzz: ['netns', 'random.ts'],
  demo: ['netns'],
  pictures: ['netns'],
  'multi-primary': ['load', 'netns'],
  'arguments.ts': [],
  'jobs.ts': [],
  'random.ts': [],
  'cluster.ts': ['cluster'],
  'demo.ts': ['demo', 'netns'],
  'pictures.ts': ['pictures', 'netns'],
};

/** The rooms that may import Node's I/O modules. */
const WITH_IO = new Set(['system', 'link', 'kernel', 'control', 'facts', 'daemon', 'cli']);

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

/** The files that a file of src or sim imports, types included; paths from the root of the repository. */
const importedFiles: ReadonlyMap<string, readonly string[]> = new Map(
  ['src', 'sim'].flatMap((top) =>
    files(join(root, top)).map((path) => {
      const targets = readFileSync(path, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
      return [
        relative(root, path),
        [...targets].map(([, target]) => relative(root, join(dirname(path), target!))),
      ];
    }),
  ),
);

/** The longest file that is not one table or one hot path, in lines. */
const FILE_LINES_MAX = 400;
/** What a longer file's first comment says of it. */
const ONE_THING = /^\/\*\*[^/]*\bone (table|hot path)\b/;
/** The most files that a folder holds directly. */
const FOLDER_FILES_MAX = 20;

describe('the sizes in src', () => {
  test('of files stay at 400 lines, unless a comment states that a file is one table or one hot path', () => {
    const long = files(src).filter((path) => {
      const text = readFileSync(path, 'utf8');
      return text.split('\n').length - 1 > FILE_LINES_MAX && !ONE_THING.test(text);
    });
    expect(long.map((path) => relative(src, path))).toEqual([]);
  });

  test('of folders stay at 20 files', () => {
    const counts = new Map<string, number>();
    for (const path of files(src)) {
      const folder = relative(src, dirname(path));
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
    expect([...counts].filter(([, count]) => count > FOLDER_FILES_MAX)).toEqual([]);
  });
});

describe('the folders of sim', () => {
  test('are all in the picture', () => {
    expect(readdirSync(join(root, 'sim')).sort()).toEqual(Object.keys(SIM).sort());
  });

  test('import only what they may', () => {
    const others = [...importedFiles].flatMap(([file, targets]) => {
      const [top, folder] = file.split('/');
      if (top !== 'sim') return [];
      const allowed = new Set(['src', ...[folder!, ...SIM[folder!]!].map((one) => `sim/${one}`)]);
      return targets
        .map((target) => target.split('/'))
        .filter((parts) => !allowed.has(parts[0]!) && !allowed.has(parts.slice(0, 2).join('/')))
        .map((parts) => `${file} -> ${parts.join('/')}`);
    });
    expect(others).toEqual([]);
  });
});

describe('the files of src and sim', () => {
  test('import one another without circles', () => {
    const circles: string[] = [];
    const finished = new Set<string>();
    const path: string[] = [];
    const visit = (file: string) => {
      if (finished.has(file)) return;
      if (path.includes(file)) {
        circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
        return;
      }
      path.push(file);
      for (const target of importedFiles.get(file) ?? []) visit(target);
      path.pop();
      finished.add(file);
    };
    for (const file of importedFiles.keys()) visit(file);
    expect(importedFiles.size).toBeGreaterThan(300);
    expect(circles).toEqual([]);
  });

  test('import only files that are there', () => {
    const missing = [...importedFiles].flatMap(([file, targets]) =>
      targets.filter((target) => !importedFiles.has(target)).map((target) => `${file} -> ${target}`),
    );
    expect(missing).toEqual([]);
  });
});
