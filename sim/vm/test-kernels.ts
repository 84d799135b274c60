/**
 * `npm run test:kernels`: runs tests on Debian's kernels under QEMU, and prints which passed where.
 *
 *     npm run test:kernels -- --list
 *     npm run test:kernels -- --kernel 6.1-amd64 --only offload --only netem
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchKernel, type OfferedKernel, offeredKernels } from './kernels.ts';
import { parseTap, resultTable, type TestResult } from './results.ts';
import { EMULATION_PATIENCE, hasKvm, runInVirtualMachine } from './virtual-machine.ts';

/** What differs between kernels: all of test/kernels, and of test/interop the tests of the kernel itself. */
const FILES: readonly string[] = [
  ...[
    'survival',
    'ftp',
    'netem',
    'dccp',
    'offload',
    'full-table',
    'alerts',
    'userspace-helper',
    'vyos-configuration',
  ].map((name) => `test/kernels/${name}.test.ts`),
  ...['kernel-behaviour', 'kernel-commit', 'injection', 'event-filter', 'directional-zones'].map(
    (name) => `test/interop/${name}.test.ts`,
  ),
];
const MEMORY_MIB = 3072;
/** Milliseconds for all tests on one kernel. */
const TIMEOUT_MS = 90 * 60_000;

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The command that runs these test files in the virtual machine. */
function testCommand(files: readonly string[]): string {
  // The rules ask for the rest, as they do on a firewall.
  const modules = 'nf_conntrack nf_conntrack_netlink nft_objref nft_masq nft_chain_nat';
  return `modprobe -a ${modules}
sysctl -qw net.netfilter.nf_conntrack_events=1
${process.execPath} node_modules/vitest/vitest.mjs run --project kernels --reporter=default --reporter=tap-flat --maxWorkers=1 ${files.join(' ')}`;
}

interface Options {
  readonly files: readonly string[];
  readonly wanted: readonly string[];
  readonly verbose: boolean;
  readonly signal: AbortSignal;
}

/** What one kernel showed. */
interface KernelResult {
  readonly name: string;
  readonly results: ReadonlyMap<string, TestResult>;
  readonly good: boolean;
  /** A line about the run. */
  readonly summary: string;
}

/** A machine that ends too early is a result of its kernel, so that the others are tried too. */
async function testKernel(offer: OfferedKernel, { files, verbose, signal }: Options): Promise<KernelResult> {
  const kernel = await fetchKernel(offer);
  const startedAt = performance.now();
  const lines: string[] = [];
  let trouble = '';
  try {
    const code = await runInVirtualMachine({
      kernel,
      command: testCommand(files),
      directory: root,
      memoryMiB: MEMORY_MIB,
      timeoutMs: TIMEOUT_MS,
      environment: { CI: 'true', CONNTRACKD_TS_PATIENCE: String(hasKvm() ? 1 : EMULATION_PATIENCE) },
      onLine: (line) => {
        lines.push(line);
        if (verbose || /^(not )?ok /.test(line)) console.log(`${kernel.name}: ${line}`);
      },
      signal,
    });
    if (code !== 0) trouble = `, exit code ${code}`;
  } catch (error) {
    signal.throwIfAborted();
    lines.push((error as Error).message);
    trouble = ', the machine did not come to the end';
  }
  const results = parseTap(lines);
  if (results.size === 0) trouble ||= ', no test ran';
  if (trouble !== '') console.log(lines.join('\n'));
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const summary = `${kernel.name}: ${kernel.release}, ${seconds} s${trouble}`;
  return { name: kernel.name, results, good: trouble === '', summary };
}

async function testKernels(options: Options): Promise<boolean> {
  const { wanted } = options;
  const offered = await offeredKernels(wanted);
  if (offered.length === 0)
    throw new Error(`apt offers no kernel${wanted.length > 0 ? ` ${wanted.join(' or ')}` : ''}`);
  const kernels: KernelResult[] = [];
  for (const offer of offered) kernels.push(await testKernel(offer, options));
  console.log(`\n${resultTable(new Map(kernels.map(({ name, results }) => [name, results])))}`);
  for (const { summary } of kernels) console.log(summary);
  return kernels.every(({ good }) => good);
}

const { values } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => abort.abort());
try {
  if (values.list) {
    for (const { name, packageName } of await offeredKernels([])) console.log(`${name}: ${packageName}`);
  } else {
    const named = values.only.map((name) => FILES.find((file) => file.includes(name)) ?? name);
    const good = await testKernels({
      files: named.length > 0 ? named : FILES,
      wanted: values.kernel,
      verbose: values.verbose,
      signal: abort.signal,
    });
    process.exitCode = good ? 0 : 1;
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
