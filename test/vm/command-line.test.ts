import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FILES, parseCommandLine } from '../../sim/vm/command-line.ts';

test('all tests run on all kernels unless names are given', () => {
  expect(parseCommandLine([])).toEqual({
    files: FILES,
    kernels: [],
    verbose: false,
    list: false,
    help: false,
  });
  expect(parseCommandLine('--kernel 6.1 --kernel 6.12 --only ftp,netem --verbose'.split(' '))).toEqual({
    files: ['test/kernels/ftp.test.ts', 'test/kernels/netem.test.ts'],
    kernels: ['6.1', '6.12'],
    verbose: true,
    list: false,
    help: false,
  });
  expect(parseCommandLine(['--only', 'vyos']).files).toEqual(['test/kernels/vyos-configuration.test.ts']);
  expect(parseCommandLine(['--help']).help).toBe(true);
});

test('every file of test/kernels is among them', () => {
  const files = readdirSync(new URL('../kernels', import.meta.url)).filter((name) =>
    name.endsWith('.test.ts'),
  );
  for (const name of files) expect(FILES).toContain(`test/kernels/${name}`);
});

test.each([
  [['--kernels', '6.1'], /--kernels/],
  [['6.1'], /6\.1/],
  [['--only', 'nothing'], /--only nothing: no such test file; there are survival, ftp, /],
])('%j is refused with a line that names it', (args, message) => {
  expect(() => parseCommandLine(args)).toThrow(message);
});
