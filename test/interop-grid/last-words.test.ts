import { expect, test } from 'vitest';
import { start } from '../../sim/netns/process.ts';

const LENGTH = 60_000;

test('what a process wrote last is read after its end', async () => {
  for (let round = 0; round < 10; round++) {
    const child = await start('sh', ['-c', `head -c ${LENGTH} /dev/zero | tr '\\0' x >&2; exit 1`]);
    await child.ended;
    await child.stderrRead(10_000);
    expect(child.stderr()).toHaveLength(LENGTH);
  }
});

test('a pipe that another process keeps open is not waited for longer than the limit', async () => {
  const child = await start('sh', ['-c', 'echo last >&2; sleep 5 & exit 1']);
  await child.ended;
  const begun = performance.now();
  await child.stderrRead(200);
  expect(performance.now() - begun).toBeLessThan(4_000);
  expect(child.stderr()).toBe('last\n');
});
