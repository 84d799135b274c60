// Runs all tests: linter and types, the unit tests, and where the machine can, those with real kernels and C nodes.
// The last line is `N passed, N failed`. With CI=true it is a failure to leave anything out.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installMissing, unfit } from './system-packages.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => join(root, 'node_modules', '.bin', name);
const results = mkdtempSync(join(tmpdir(), 'conntrackd-ts-test-'));
const total = { passed: 0, failed: 0 };
const leftOut = [];
const failed = [];
const secondTry = [];

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}

function check(name, command, args) {
  const passed = run(command, args);
  total[passed ? 'passed' : 'failed']++;
  if (!passed) failed.push(name);
  return passed;
}

/** What a test failed of, in one line: of a property also its counterexample, as it may not be found a second time. */
function withoutStack(message) {
  const lines = message.split('\n');
  const stackAt = lines.findIndex((line) => /^ +at /.test(line));
  const said = lines.slice(0, stackAt < 0 ? undefined : Math.max(1, stackAt));
  return said.join(' ').slice(0, 1000);
}

function vitest(project, ...args) {
  const file = join(results, `${project}.json`);
  const startedAt = performance.now();
  const passed = run(bin('vitest'), [
    'run',
    `--project=${project}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...args,
  ]);
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    total.passed += report.numPassedTests;
    for (const { name, status, assertionResults } of report.testResults) {
      const file = relative(root, name);
      for (const { fullName, status, failureMessages } of assertionResults) {
        const what = `${file}: ${fullName}: ${failureMessages.map(withoutStack).join('; ')}`;
        // A test that failed and then passed keeps the messages of its failure.
        if (status === 'failed') failed.push(what);
        else if (status === 'passed' && failureMessages.length > 0) secondTry.push(what);
      }
      if (status === 'failed' && assertionResults.length === 0) failed.push(`${file}: not loaded`);
    }
    // A file that cannot be loaded fails without a test of its own.
    total.failed += report.numFailedTests || (passed ? 0 : 1);
    const skipped = report.numPendingTests + report.numTodoTests;
    if (skipped > 0) leftOut.push(`${skipped} skipped tests of ${project}`);
  } catch {
    total.failed++;
    failed.push(`${project}: no report`);
  }
  console.log(`${project}: ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

try {
  const built = check('build', 'npm', ['run', '--silent', 'build']);
  check('types', bin('tsc'), ['-p', 'tsconfig.json']);
  check('linter', bin('biome'), ['check', '--error-on-warnings', '.']);
  // By itself vitest leaves one processor of two free.
  vitest('unit', '--maxWorkers=100%');
  // What depends on the wall clock has the machine to itself.
  vitest('timing', '--maxWorkers=1', '--no-file-parallelism');
  const reason = unfit();
  const missing = reason === undefined ? installMissing() : [];
  if (reason !== undefined) leftOut.push(`the tests with real kernels and C nodes (test/interop): ${reason}`);
  else if (missing.length > 0)
    leftOut.push(`the tests with real kernels and C nodes: no ${missing.join(', ')}`);
  // Most of their time they wait. Three files at a time leave the C nodes the CPU that their timing needs.
  // Real nodes on a busy machine miss a time now and then: such a test gets a second try, and is named below.
  else if (built) {
    vitest('interop', '--maxWorkers=3', '--retry=1');
    vitest('interop-timing', '--maxWorkers=1', '--no-file-parallelism');
  }
} finally {
  rmSync(results, { recursive: true, force: true });
}
for (const name of failed) console.log(`failed: ${name}`);
for (const name of secondTry) console.log(`passed on the second try: ${name}`);
if (leftOut.length > 0) {
  console.log(`left out: ${leftOut.join('; ')}`);
  if (process.env.CI === 'true') total.failed++;
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
