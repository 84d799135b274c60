// Runs the unit tests, and with --all the interop tests too, on each supported Node, or on those whose major versions are
// named (`node scripts/test-nodes.mjs --all 24 26`). The binaries are npm packages.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SUPPORTED = ['20', '22', '24', '26'];
const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'conntrackd-ts', 'nodes');
const named = process.argv.slice(2).filter((argument) => /^\d+$/.test(argument));
const versions = named.length > 0 ? named : SUPPORTED;
const projects = process.argv.includes('--all') ? ['unit', 'timing', 'interop'] : ['unit', 'timing'];

function nodeBinary(version) {
  const folder = join(cache, version);
  mkdirSync(folder, { recursive: true });
  const name = `node-${process.platform}-${process.arch}`;
  const { status } = spawnSync(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${version}`],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  if (status !== 0) throw new Error(`cannot install Node ${version}`);
  return join(folder, 'node_modules', name, 'bin', 'node');
}

let failed = 0;
for (const version of versions) {
  const node = nodeBinary(version);
  const found = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  for (const project of projects) {
    console.log(`--- Node ${found}, ${project}`);
    // Programs under test are started as `process.execPath`, so they run on the same Node.
    const { status } = spawnSync(
      node,
      [
        join(root, 'node_modules/vitest/vitest.mjs'),
        'run',
        `--project=${project}`,
        '--reporter=dot',
        `--maxWorkers=${project === 'timing' ? 1 : 2}`,
      ],
      {
        cwd: root,
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    if (status !== 0) {
      failed++;
      console.log(`--- Node ${found}, ${project}: failed`);
    }
  }
}
console.log(failed === 0 ? 'all passed' : `${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
