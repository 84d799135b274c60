import { defineConfig } from 'vitest/config';

// `unit` needs nothing but Node. `interop` needs root, Linux namespaces and the C programs.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/interop/**'] } },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Most of these nodes live a few seconds, which the rehearsal would fill; the bench's rehearse.
          env: { CONNTRACKD_TS_WARM_UP: 'off' },
        },
      },
    ],
  },
});
