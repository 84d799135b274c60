import { spawnSync } from 'node:child_process';
import { beforeAll, expect, it } from 'vitest';
import { fishCompletion } from '../../scripts/package/documents/fish.ts';
import { programPage } from '../../scripts/package/documents/man-program.ts';
import { settingsPage } from '../../scripts/package/documents/man-settings.ts';
import { readProgramHelp } from '../../scripts/package/documents/program-help.ts';
import { zshCompletion } from '../../scripts/package/documents/zsh.ts';
import { missingForLab } from '../../sim/netns/lab.ts';

const help = await readProgramHelp();
const pages = {
  'conntrackd-ts.8': programPage(help, '1.2.3'),
  'conntrackd-ts.toml.5': settingsPage('1.2.3'),
};

beforeAll(() => {
  expect(missingForLab(['zsh', 'fish', 'man'])).toEqual([]);
});

it('zsh reads its own', () => {
  const { stderr } = spawnSync('zsh', ['-n'], { input: zshCompletion(help), encoding: 'utf8' });
  expect(stderr).toBe('');
});

it('fish offers what it is told', () => {
  const script = `${fishCompletion(help)}\ncomplete --do-complete 'conntrackd-ts list --from '`;
  const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' });
  const words = stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t')[0]!);
  expect([words.sort(), stderr]).toEqual([['external', 'internal', 'kernel'], '']);
});

it.each(Object.entries(pages))('%s is good roff', (_name, page) => {
  const { stderr } = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', '-'], {
    input: page,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8', MANPAGER: 'cat' },
  });
  expect(stderr).toBe('');
});
