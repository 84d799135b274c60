/**
 * `npm run test:kernels`: runs tests on Debian's kernels under QEMU, and prints which passed where.
 *
 *     npm run test:kernels -- --list
 *     npm run test:kernels -- --kernel 6.1-amd64 --only offload --only netem
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchKernel, offeredKernels } from './kernels.ts';
import { parseTap, type TestResult } from './tap.ts';
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
    'userspace-helper',
    'vyos-configuration',
  ].map((name) => `test/kernels/${name}.test.ts`),
  ...['kernel-behaviour', 'kernel-commit', 'event-filter', 'directional-zones'].map(
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
  const modules = 'nf_conntrack nf_conntrack_netlink nf_conntrack_ftp nft_objref nft_masq nft_chain_nat';
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

async function testKernels({ files, wanted, verbose, signal }: Options): Promise<boolean> {
  const offered = await offeredKernels(wanted);
  if (offered.length === 0)
    throw new Error(`apt offers no kernel${wanted.length > 0 ? ` ${wanted.join(' or ')}` : ''}`);
  const table = new Map<string, Map<string, TestResult>>();
  const times: string[] = [];
  let good = true;
  for (const offer of offered) {
    const kernel = await fetchKernel(offer);
    const startedAt = performance.now();
    const lines: string[] = [];
    const patience = hasKvm() ? 1 : EMULATION_PATIENCE;
    const code = await runInVirtualMachine({
      kernel,
      command: testCommand(files),
      directory: root,
      memoryMiB: MEMORY_MIB,
      timeoutMs: TIMEOUT_MS,
      environment: {
        CI: 'true',
        CONNTRACKD_TS_PATIENCE: String(patience),
      },
      onLine: (line) => {
        lines.push(line);
        if (verbose || /^(not )?ok /.test(line)) console.log(`${kernel.name}: ${line}`);
      },
      signal,
    });
    const results = parseTap(lines);
    table.set(kernel.name, results);
    times.push(`${kernel.name}: ${kernel.release}, ${Math.round((performance.now() - startedAt) / 1000)} s`);
    const failed = [...results.values()].some((result) => result === 'failed');
    if (code !== 0 || failed || results.size === 0) {
      good = false;
      console.log(lines.join('\n'));
    }
  }
  printTable(table);
  for (const line of times) console.log(line);
  return good;
}

function printTable(table: ReadonlyMap<string, ReadonlyMap<string, TestResult>>): void {
  const kernels = [...table.keys()];
  const tests = [...new Set(kernels.flatMap((name) => [...table.get(name)!.keys()]))];
  console.log(`\n| test | ${kernels.join(' | ')} |\n|---|${kernels.map(() => '---|').join('')}`);
  for (const test of tests) {
    const cells = kernels.map((name) => table.get(name)!.get(test) ?? 'not run');
    console.log(`| ${test} | ${cells.join(' | ')} |`);
  }
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
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => abort.abort());
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
