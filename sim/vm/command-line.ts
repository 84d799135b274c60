import { parseArgs } from 'node:util';

/** What differs between kernels: all of test/kernels, and of test/interop the tests of the kernel itself. */
export const FILES: readonly string[] = [
  ...[
    'survival',
    'ftp',
    'netem',
    'dccp',
    'offload',
    'full-table',
    'full-table-doctor',
    'alerts',
    'userspace-helper',
    'helper-protocols',
    'helper-failover',
    'vyos-configuration',
  ].map((name) => `test/kernels/${name}.test.ts`),
  ...['kernel-behaviour', 'kernel-commit', 'injection', 'event-filter', 'directional-zones'].map(
    (name) => `test/interop/${name}.test.ts`,
  ),
];

export const USAGE = `usage: npm run test:kernels -- [--kernel NAME,...] [--only NAME,...] [--verbose]

Runs tests on Debian's kernels in virtual machines, and prints which passed where.

  --kernel NAME,...  kernels whose names begin so, such as 6.1 or 6.1-amd64; all unless given
  --only NAME,...    the test files whose names have this in them, such as netem; all unless given
  --verbose          prints all that the tests print
  --list             names the kernels, and runs nothing
  --help             this text
`;

export interface KernelTestCommand {
  readonly files: readonly string[];
  /** Beginnings of names; all kernels if it is empty. */
  readonly kernels: readonly string[];
  readonly verbose: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

/** @throws Error that names the option and what was expected */
export function parseCommandLine(args: readonly string[]): KernelTestCommand {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kernel: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', multiple: true, default: [] },
      list: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { list, verbose, help } = values;
  const [only, kernels] = [namesIn(values.only), namesIn(values.kernel)];
  return { files: only.length === 0 ? FILES : only.map(fileNamed), kernels, verbose, list, help };
}

function namesIn(values: readonly string[]): readonly string[] {
  return values.flatMap((names) => names.split(','));
}

function fileNamed(name: string): string {
  const found =
    FILES.find((file) => file.endsWith(`/${name}.test.ts`)) ?? FILES.find((file) => file.includes(name));
  if (found !== undefined) return found;
  const names = FILES.map((file) => file.replace(/^.*\/|\.test\.ts$/g, ''));
  throw new Error(`--only ${name}: no such test file; there are ${names.join(', ')}`);
}
