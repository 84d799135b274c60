// Runs the unit and timing tests, and with --all the interop tests too, on each supported Node, or on those whose major
// versions are named (`node scripts/test-nodes.mjs --all 24 26`). The binaries are npm packages. The last line says how many
// tests passed and failed on each version, by project.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SUPPORTED = ['20', '22', '24', '26'];
const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'conntrackd-ts', 'nodes');
const named = process.argv.slice(2).filter((argument) => /^\d+$/.test(argument));
const versions = named.length > 0 ? named : SUPPORTED;
const projects = process.argv.includes('--all')
  ? ['unit', 'timing', 'interop', 'interop-timing']
  : ['unit', 'timing'];

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

/** Runs a project on this Node. Returns how many of its tests passed and failed. */
function runProject(node, project, report) {
  // Programs under test are started as `process.execPath`, so they run on the same Node.
  const { status } = spawnSync(
    node,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      `--project=${project}`,
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${report}`,
      `--maxWorkers=${project.endsWith('timing') ? 1 : 2}`,
      ...(project === 'interop' ? ['--retry=1'] : []),
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  // A file that cannot be loaded fails without a test of its own, and so does a run that wrote no report.
  const least = status === 0 ? 0 : 1;
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    // A test that failed and then passed keeps the messages of its failure.
    for (const { fullName, status, failureMessages } of testResults.flatMap((file) => file.assertionResults))
      if (status === 'passed' && failureMessages.length > 0)
        console.log(`passed on the second try: ${fullName}`);
    return { passed: numPassedTests, failed: Math.max(numFailedTests, least) };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

const reports = mkdtempSync(join(tmpdir(), 'conntrackd-ts-test-nodes-'));
const results = [];
let failed = 0;
try {
  for (const version of versions) {
    const node = nodeBinary(version);
    const found = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
    const counts = [];
    for (const project of projects) {
      console.log(`--- Node ${found}, ${project}`);
      const result = runProject(node, project, join(reports, `${version}-${project}.json`));
      failed += result.failed;
      counts.push(`${project} ${result.passed} passed, ${result.failed} failed`);
    }
    results.push(`Node ${found}: ${counts.join('; ')}`);
  }
} finally {
  rmSync(reports, { recursive: true, force: true });
}
console.log(results.join(' | '));
process.exitCode = failed === 0 ? 0 : 1;
