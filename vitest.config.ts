import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { PATIENCE } from './sim/netns/patience.ts';

/** Names of the test files that take longest, the longest first of each project: a fresh clone has no times of its own. */
const LONGEST: readonly string[] = readFileSync(new URL('test/longest.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '');

/** Starts the longest files first, so that none of them runs alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.indexOf(basename(moduleId, '.test.ts'));
      return found < 0 ? LONGEST.length : found;
    };
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}

// `unit` and `timing` need nothing but Node; `interop` and `interop-timing` need root, Linux namespaces and the C programs. What
// is measured by the wall clock is in those called timing, which run one file at a time with nothing beside it. `kernels` runs in virtual machines:
// npm run test:kernels. `package` installs the Debian package: npm run test:package.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/interop/**',
            'test/kernels/**',
            'test/packaging/built/**',
            'test/**/*.timing.test.ts',
          ],
          // Only a test that hangs takes so long, whatever else the machine does.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: { name: 'timing', include: ['test/**/*.timing.test.ts'], exclude: ['test/interop/**'] },
      },
      {
        extends: true,
        test: { name: 'interop-timing', include: ['test/interop/*.timing.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          exclude: ['test/interop/*.timing.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Most of these nodes live a few seconds, which the warm-up would fill; those of the bench warm up. FIFOs for clients
          // are made in the laboratory's folder alone, where a killed node leaves nothing behind.
          env: { CONNTRACKD_TS_WARM_UP: 'off', CONNTRACKD_TS_RUN_DIR: 'off' },
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['test/packaging/built/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 900_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'kernels',
          include: ['test/kernels/*.test.ts', 'test/interop/*.test.ts'],
          testTimeout: 120_000 * PATIENCE,
          hookTimeout: 120_000 * PATIENCE,
          env: { CONNTRACKD_TS_WARM_UP: 'off', CONNTRACKD_TS_RUN_DIR: 'off' },
        },
      },
    ],
  },
});
