import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadFlows, tcpLoad } from '../../sim/netns/flows.ts';
import { createNamespace } from '../../sim/netns/namespace.ts';
import { openScope } from '../../sim/netns/scope.ts';
import { until } from '../../sim/netns/until.ts';
import { ourProgram } from './programs.ts';

test('status --watch shows what changes on a terminal of 80x24, and gives it back', async () => {
  const scope = openScope('stw');
  try {
    const host = await createNamespace(scope, 'a');
    const file = join(scope.directory, 'screen');
    const words = [
      ourProgram.command,
      ...ourProgram.args,
      'status',
      '-C',
      '/nowhere',
      '--watch',
      '--every',
      '1s',
    ];
    const command = `stty cols 80 rows 24; exec ${words.join(' ')}`;
    const session = await host.start('script', ['-qefc', `sh -c '${command}'`, file]);
    const written = () => readFileSync(file, 'utf8');
    await until('it shows an empty table', () => /table +\S+ 0\.0 %, 0 of/.test(written()));
    await loadFlows(host, tcpLoad(3000), scope.directory);
    await until('it shows the flows', () => written().includes(', 3000 of '));
    const [frame] = written().split('\x1b[H').slice(-1);
    const lines = frame!.split('\x1b[J')[0]!.split(/\r+\n/);
    expect(lines.length).toBeLessThan(24);
    for (const line of lines) expect(line.replaceAll('\x1b[K', '').length).toBeLessThanOrEqual(80);
    session.send('q');
    expect((await session.ended).code).toBe(2);
    expect(written()).toContain('\x1b[?25h\x1b[?1049l');
  } finally {
    await scope.close();
  }
});

test('status --watch needs a terminal, and refuses what does not go with it', async () => {
  const scope = openScope('stw');
  try {
    const host = await createNamespace(scope, 'a');
    const ask = async (...options: readonly string[]) => {
      const { code, stderr } = await host.run(ourProgram.command, [...ourProgram.args, 'status', ...options]);
      return [code, stderr.split('\n')[0]];
    };
    expect(await ask('--watch')).toEqual([3, expect.stringContaining('no terminal')]);
    expect(await ask('--watch', '--json')).toEqual([3, expect.stringContaining('exclude each other')]);
    expect(await ask('--for', '0s')).toEqual([3, expect.stringContaining('expected a time from 1s to 1h')]);
    expect(await ask('--all')).toEqual([3, expect.stringContaining("'--all'")]);
  } finally {
    await scope.close();
  }
});
