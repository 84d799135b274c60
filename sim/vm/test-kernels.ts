/** `npm run test:kernels`: runs tests on Debian's kernels under QEMU, and prints which passed where. */

import { fileURLToPath } from 'node:url';
import { type KernelTestCommand, parseCommandLine } from './command-line.ts';
import { fetchKernel, type OfferedKernel, offeredKernels } from './kernels.ts';
import { provideProgramsCommand } from './programs.ts';
import { parseTap, resultTable, type TestResult } from './results.ts';
import { EMULATION_PATIENCE, hasKvm, runInVirtualMachine } from './virtual-machine.ts';

const MEMORY_MIB = 3072;
/** Milliseconds for all tests on one kernel. */
const TIMEOUT_MS = 180 * 60_000;

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The command that runs these test files in the virtual machine. */
function testCommand(files: readonly string[], provideTools: string): string {
  // One worker for all files: vitest gives each a minute to start, which here may not be enough.
  const options = [
    '--project=kernels',
    '--reporter=default',
    '--reporter=tap-flat',
    '--maxWorkers=1',
    '--no-isolate',
  ];
  // The rules ask for the rest, as they do on a firewall.
  const modules = 'nf_conntrack nf_conntrack_netlink nft_masq nft_chain_nat';
  return `${provideTools}
modprobe -a ${modules}
modprobe -q nft_objref
sysctl -qw net.netfilter.nf_conntrack_events=1
${process.execPath} node_modules/vitest/vitest.mjs run ${options.join(' ')} ${files.join(' ')}`;
}

interface Options extends KernelTestCommand {
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
      command: testCommand(files, await provideProgramsCommand()),
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
  const { kernels: wanted } = options;
  const offered = await offeredKernels(wanted);
  if (offered.length === 0)
    throw new Error(`apt offers no kernel${wanted.length > 0 ? ` ${wanted.join(' or ')}` : ''}`);
  const tested: KernelResult[] = [];
  for (const offer of offered) tested.push(await testKernel(offer, options));
  console.log(`\n${resultTable(new Map(tested.map(({ name, results }) => [name, results])))}`);
  for (const { summary } of tested) console.log(summary);
  return tested.every(({ good }) => good);
}

const command = parseCommandLine(process.argv.slice(2));
const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => abort.abort());
try {
  if (command.list) {
    for (const { name, packageName } of await offeredKernels([])) console.log(`${name}: ${packageName}`);
  } else {
    const good = await testKernels({ ...command, signal: abort.signal });
    process.exitCode = good ? 0 : 1;
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
