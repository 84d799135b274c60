import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TARBALL = join(ROOT, 'out', readdirSync(join(ROOT, 'out')).find((name) => name.endsWith('.tgz'))!);

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'npm-tarball-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

it('npm installs the program without a warning, with its manual, and nothing for those who develop it', () => {
  const { status, stdout, stderr } = spawnSync(
    'npm',
    ['install', '--global', '--prefix', directory, TARBALL],
    {
      encoding: 'utf8',
    },
  );
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/added \d+ packages/);
  const program = join(directory, 'bin/conntrackd-ts');
  expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(readdirSync(join(directory, 'share/man'), { recursive: true })).toEqual(
    expect.arrayContaining(['man8/conntrackd-ts.8', 'man5/conntrackd-ts.toml.5']),
  );
  const koffi = join(directory, 'lib/node_modules/conntrackd-ts/node_modules/koffi');
  const load = `require('${koffi}').load(null).func('int getpid(void)')() === process.pid`;
  expect(execFileSync(process.execPath, ['-p', load], { encoding: 'utf8' })).toBe('true\n');
  const installed = readdirSync(join(directory, 'lib/node_modules/conntrackd-ts'), {
    recursive: true,
    encoding: 'utf8',
  });
  expect(installed.filter((name) => /\.map$|\.ts$/.test(name) && !name.endsWith('.d.ts'))).toEqual([]);
  expect(installed.filter((name) => /^dist\/(?:bench|scripts)|^test|^vendor/.test(name))).toEqual([]);
});

it('a program imports it, with its types', () => {
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  const npm = ['install', '--no-audit', '--no-fund', TARBALL, '@types/node@20'];
  execFileSync('npm', npm, { cwd: directory, stdio: 'pipe' });
  writeFileSync(
    join(directory, 'main.ts'),
    `import { decodeFlow, encodeFlow, type Flow } from 'conntrackd-ts';
const record = encodeFlow({ original: { family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 } });
const flow: Flow = decodeFlow(record, 0, record.length);
console.log(flow.original.source satisfies string);
`,
  );
  const tsc = [
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--types',
    'node',
    '--lib',
    'es2023',
    'main.ts',
  ];
  const { status, stdout } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), tsc, {
    cwd: directory,
    encoding: 'utf8',
  });
  expect([status, stdout]).toEqual([0, '']);
  expect(execFileSync(process.execPath, ['main.js'], { cwd: directory, encoding: 'utf8' })).toBe(
    '10.0.0.1\n',
  );
});

it("the library's examples run, and its declarations are whole", () => {
  const npm = ['install', '--no-audit', '--no-fund', TARBALL, '@types/node@20', 'fast-check@4'];
  execFileSync('npm', npm, { cwd: directory, stdio: 'pipe' });
  for (const name of readdirSync(join(ROOT, 'examples'))) {
    copyFileSync(join(ROOT, 'examples', name), join(directory, name));
  }
  const node = (...args: readonly string[]) =>
    execFileSync(process.execPath, args, { cwd: directory, encoding: 'utf8' });
  for (const name of ['peer.test.mjs', 'engine.test.mjs']) {
    expect(node('--test', name)).toMatch(/^(?:#|ℹ) pass 1$/m);
  }
  expect(node('simulator.mjs')).toContain('all rules held');
  expect(node('fuzzer.mjs')).toContain('RangeError: ');

  const imports = ['', '/lab', '/simulator', '/fuzzer'].map((path) => `import 'conntrackd-ts${path}';\n`);
  writeFileSync(join(directory, 'all.mts'), imports.join(''));
  const tsc = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023'];
  const { status, stdout } = spawnSync(
    join(ROOT, 'node_modules/.bin/tsc'),
    [...tsc, '--types', 'node', 'all.mts'],
    { cwd: directory, encoding: 'utf8' },
  );
  expect([status, stdout]).toEqual([0, '']);
});
