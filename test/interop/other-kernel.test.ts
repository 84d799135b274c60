import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { start } from '../../sim/netns/process.ts';

/** Milliseconds. Alone on two cores it takes a minute; the processor is emulated, and other tests run beside it. */
const PATIENCE_MS = 600_000;
const PROGRAM = fileURLToPath(new URL('../../dist/sim/vm/test-kernels.js', import.meta.url));

test("on Debian's kernel a pair with VyOS's configuration, helpers in it, starts and replicates", {
  timeout: PATIENCE_MS,
}, async () => {
  const lines: string[] = [];
  const machine = await start(process.execPath, [
    PROGRAM,
    '--kernel',
    '6.1-amd64',
    '--only',
    'vyos-configuration',
    '--verbose',
  ]);
  machine.onLine((line) => lines.push(line));
  try {
    const { code } = await machine.ended;
    const text = lines.join('\n') + machine.stderr();
    for (const number of [1, 2]) expect(text).toMatch(new RegExp(`^6\\.1-amd64: ok ${number} - .*VyOS`, 'm'));
    expect(code).toBe(0);
  } finally {
    await machine.stop();
  }
});
