import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, ENDS, ipv4, LINKS, pcap, udp } from '../cli/captures.ts';
import { capturedDatagrams } from '../support/fixtures.ts';
import { installPacked, type PackedLibrary, ROOT } from '../support/packed-library.ts';

const EXAMPLES = readdirSync(join(ROOT, 'examples')).sort();

/** What Node's test runner says in the end, in either of its formats. */
const PASSED = /^(?:#|ℹ) pass 1$/m;

let library: PackedLibrary;

beforeAll(() => {
  library = installPacked();
  for (const name of EXAMPLES) copyFileSync(join(ROOT, 'examples', name), join(library.folder, name));
});

afterAll(() => library?.remove());

/** Runs Node in the folder of a program that has installed the package. */
function node(...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, args, { cwd: library.folder, encoding: 'utf8', timeout: 50_000 });
}

function printed(...args: readonly string[]): string {
  const { status, stdout, stderr } = node(...args);
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

describe('docs/library.md', () => {
  it('quotes every example as it is', () => {
    const text = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
    const quoted = [...text.matchAll(/^`examples\/(\S+)`[^\n]*:\n\n```js\n([\s\S]*?)```$/gm)];
    expect(quoted.map(([, name]) => name).sort()).toEqual(EXAMPLES);
    for (const [, name, code] of quoted) {
      expect([name, code]).toEqual([name, readFileSync(join(ROOT, 'examples', name!), 'utf8')]);
    }
  });
});

describe('the packed library', () => {
  it('has of the laboratory, the simulator and the fuzzer what its sub-paths load or declare, and no more', () => {
    const { exports } = JSON.parse(readFileSync(join(library.package, 'package.json'), 'utf8')) as {
      readonly exports: Readonly<Record<string, { readonly types?: string; readonly default?: string }>>;
    };
    const loaded = new Set<string>();
    const visit = (path: string): void => {
      if (loaded.has(path)) return;
      loaded.add(path);
      expect([path, existsSync(path)]).toEqual([path, true]);
      const text = readFileSync(path, 'utf8');
      for (const [, imported, resource] of text.matchAll(
        /(?:from|import)\s*\(?\s*'(\.[^']+)'|new URL\('(\.[^']+\.js)'/g,
      )) {
        const target = join(dirname(path), (imported ?? resource)!);
        visit(path.endsWith('.d.ts') ? target.replace(/\.[jt]s$/, '.d.ts') : target);
      }
    };
    const entries = Object.values(exports).flatMap((entry) => [entry.types, entry.default]);
    for (const entry of entries) if (entry !== undefined) visit(join(library.package, entry));
    const modules = (paths: readonly string[]) =>
      [...new Set(paths.map((path) => path.replace(/(?:\.d\.ts|\.js)$/, '')))].sort();
    const sim = join(library.package, 'dist/sim');
    const packed = readdirSync(sim, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const needed = [...loaded].filter((path) => path.startsWith(sim));
    expect(needed.length).toBeGreaterThan(100);
    expect(modules(packed).map((path) => relative(sim, path))).toEqual(
      modules(needed).map((path) => relative(sim, path)),
    );
    const top = readdirSync(join(library.package, 'dist'));
    expect(top.sort()).toEqual(['program', 'share', 'sim', 'src']);
  });

  it('decodes a capture', () => {
    const datagrams = capturedDatagrams();
    const frames = datagrams.map(({ bytes }) => at(LINKS.Ethernet!.frame(ipv4(ENDS, 17, udp(ENDS, bytes)))));
    writeFileSync(join(library.folder, 'capture.pcap'), pcap(frames));
    const lines = printed('decode-capture.mjs', 'capture.pcap').split('\n');
    expect(lines.length).toBeGreaterThan(50);
    expect(lines[0]).toMatch(/^10\.0\.0\.1 CT_\w+ \w+ .* src=\S+ dst=\S+ /);
  });

  it('replicates between two peers', () => {
    expect(printed('--test', 'peer.test.mjs')).toMatch(PASSED);
  });

  it('runs the engine in a test', () => {
    expect(printed('--test', 'engine.test.mjs')).toMatch(PASSED);
  });

  it('says where no daemon listens', () => {
    const { status, stderr } = node('control-client.mjs', join(library.folder, 'none.ctl'));
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^control socket `.*none\.ctl': .*ENOENT.*\n$/),
    ]);
  });

  it('simulates a pair', () => {
    expect(printed('simulator.mjs', '7')).toMatch(
      /\n2 faults, \d+ steps, \d+ s of virtual time\nall rules held\n$/,
    );
  });

  it('fuzzes with fast-check, and says that it is missing', () => {
    const missing = node('fuzzer.mjs');
    expect(missing.status).toBe(1);
    expect(missing.stderr).toContain(
      'Error: conntrackd-ts/fuzzer needs the package fast-check: npm install fast-check',
    );
    library.addPackage('fast-check');
    expect(printed('fuzzer.mjs')).toMatch(
      /^RangeError: Offset is outside the bounds of the DataView at sequenceNumbers \S+\/fuzzer\.mjs:\d+:\d+\n {2}\d+ bytes: /,
    );
  });

  it('exports nothing that the table of what is stable does not name', () => {
    library.addPackage('fast-check');
    const script = `for (const path of ['', '/lab', '/simulator', '/fuzzer'])
      console.log(Object.keys(await import('conntrackd-ts' + path)).join('\\n'));`;
    const names = printed('--input-type=module', '-e', script).trim().split('\n');
    const text = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
    const named = new Set([...text.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(names.length).toBeGreaterThan(80);
    expect(names.filter((name) => !named.has(name))).toEqual([]);
  });

  it('has types for all its sub-paths', () => {
    library.addPackage('@types/node');
    writeFileSync(join(library.folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(library.folder, 'main.ts'),
      `import { createReadStream } from 'node:fs';
import fc from 'fast-check';
import { decodeCapture, encodeFlow, flowsIn, externalCaches, type Flow } from 'conntrackd-ts';
import { arbitraryFlow, fuzzTarget, type Finding, type Target } from 'conntrackd-ts/fuzzer';
import { type Lab, ourProgram, withLab } from 'conntrackd-ts/lab';
import { drawOptions, type Fault, type Outcome, simulate } from 'conntrackd-ts/simulator';

for await (const { time, message } of decodeCapture(createReadStream('x'), { port: 3780 })) {
  if (!('malformed' in message)) console.log(time.seconds satisfies number, message.flow?.original.source);
}
const flows: readonly Flow[] = flowsIn(externalCaches(1).flows);
fc.assert(fc.property(arbitraryFlow(), (flow: Flow) => encodeFlow(flow).length > 0));
const target: Target = { name: 'x', grammar: 'bytes', weight: 1, seeds: () => [], run: () => 1 };
const findings: readonly Finding[] = await fuzzTarget(target, { seed: 1, cases: 1 });
await withLab({ syncLinks: 2 }, async (lab: Lab) => { await lab.a.start({ program: ourProgram }); });
const script: readonly Fault[] = [{ round: 0, at: 1, kind: 'flush', node: 0 }];
const outcome: Outcome = await simulate(drawOptions({ seed: 1, steps: 1 }), { script });
console.log(flows, findings, outcome.violation?.rule);
`,
    );
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023'];
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = node(tsc, ...options, '--types', 'node', 'main.ts');
    expect([status, stdout]).toEqual([0, '']);
  });
});
