import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bashCompletion } from '../../scripts/package/documents/bash.ts';
import { parseHelp } from '../../scripts/package/documents/help-text.ts';
import { programPage } from '../../scripts/package/documents/man-program.ts';
import { settingsPage } from '../../scripts/package/documents/man-settings.ts';
import { readProgramHelp } from '../../scripts/package/documents/program-help.ts';
import { settingsExample } from '../../scripts/package/documents/settings-example.ts';
import { SUB_COMMANDS } from '../../src/cli/arguments.ts';
import { parseSettings } from '../../src/settings/parse.ts';
import { SECTIONS } from '../../src/settings/schema.ts';
import { DEFAULT_SETTINGS } from '../../src/settings/settings.ts';

const help = await readProgramHelp();

describe('the help', () => {
  it('names every option that the commands read, and no other', () => {
    const folder = fileURLToPath(new URL('../../src/cli', import.meta.url));
    const read = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => [
        ...readFileSync(join(folder, name), 'utf8').matchAll(/'?\b([a-z0-9-]+)'?: \{ type: '/g),
      ])
      .map(([, name]) => `--${name}`)
      // `-C` and `--help` of every command.
      .filter((name) => name !== '--config' && name !== '--help');
    const named = help.commands
      .flatMap(({ options }) => options.map(({ name }) => name))
      .filter((name) => name !== '-C');
    expect(read.length).toBeGreaterThan(20);
    expect([...new Set(named)].sort()).toEqual([...new Set(read)].sort());
  });

  it('has a line about every command', () => {
    expect(help.commands.map(({ name }) => name)).toEqual([...SUB_COMMANDS]);
    for (const { summary, about } of help.commands) expect([summary, about]).not.toContain('');
  });

  it('is read with its continued lines, words, notes and examples', () => {
    const parsed = parseHelp(`Usage: conntrackd-ts x [a|b] [OPTION]...
Does this
and that.
  a, the first
  --by FIELD[,FIELD], group by src,
      or dst
  --all, everything
A note.

Examples:
  conntrackd-ts x a
`);
    expect(parsed).toMatchObject({
      synopsis: 'x [a|b] [OPTION]...',
      about: 'Does this and that.',
      notes: 'A note.',
      words: [{ name: 'a', argument: '', help: 'the first' }],
      options: [
        { name: '--by', argument: 'FIELD[,FIELD]', help: 'group by src, or dst' },
        { name: '--all', argument: '', help: 'everything' },
      ],
      examples: ['conntrackd-ts x a'],
    });
    expect(() => parseHelp('conntrackd-ts x')).toThrow('expected a line of usage');
  });
});

describe('completion', () => {
  /** What bash offers behind these words; the last one is what was typed of the current one. */
  function offered(...words: string[]): string[] {
    const script = `${bashCompletion(help)}
compopt() { :; }
COMP_WORDS=(${['conntrackd-ts', ...words].map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length}
_conntrackd_ts
printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-euc', script], { encoding: 'utf8', cwd: '/' }).trim().split('\n');
  }

  it.each<[readonly string[], readonly string[]]>([
    [['do'], ['doctor']],
    [['st'], ['stats', 'status']],
    [['--'], ['--json', '--in-sync', '--version', '--help']],
    [
      ['-c', ''],
      ['ct', 'expect'],
    ],
    [
      ['-s', 'r'],
      ['runtime', 'rsqueue'],
    ],
    [['role', 'p'], ['primary']],
    [
      ['list', '--from', ''],
      ['kernel', 'internal', 'external'],
    ],
    [['list', 'spo'], ['sport']],
    [['doctor', '--for', ''], ['']],
    [
      ['doctor', '--'],
      ['--for', '--peer', '--json'],
    ],
    [['doctor', '-C', 'etc'], ['etc']],
    [['decode', 'et'], ['etc']],
    [['genkey', ''], ['']],
  ])('bash: %j', (words, expected) => {
    expect(
      offered(...words).filter((word) => !word.startsWith('-') || words.at(-1)!.startsWith('-')),
    ).toEqual(expected);
  });
});

describe('the settings file with everything commented out', () => {
  it('sets nothing', () => {
    expect(parseSettings(settingsExample(), 'x')).toEqual(DEFAULT_SETTINGS);
  });

  it('shows the defaults, where there are any', () => {
    const sections = Object.entries(SECTIONS).filter(([, { required }]) => required.length === 0);
    const text = sections.map(([name, { keys }]) => {
      const isDefault = ([, { example }]: readonly [string, { readonly example: string }]) =>
        /^(?:true|false|\d+)$/.test(example);
      const lines = Object.entries(keys)
        .filter(isDefault)
        .map(([key, { example }]) => `${key} = ${example}\n`);
      return `[${name}]\n${lines.join('')}`;
    });
    expect(text.join('')).toContain('resync_seconds = 300');
    expect(parseSettings(text.join(''), 'x')).toEqual(DEFAULT_SETTINGS);
  });

  it('is right when its lines are no comments any more', () => {
    const excluded = Object.values(SECTIONS).flatMap(({ exclusive }) =>
      exclusive.map(([, second]) => second),
    );
    const text = settingsExample()
      .replace(/^#(?=[[a-z])/gm, '')
      .split('\n')
      .filter((line) => !excluded.includes(line.split(' ')[0]!));
    const settings = parseSettings(text.join('\n'), 'x');
    expect(settings.failover.guard?.interfaces).toEqual(['lan0', 'wan0']);
    expect(settings.process.user).toBe('conntrackd');
    for (const [name, { keys }] of Object.entries(SECTIONS)) {
      expect(text).toContain(`[${name}]`);
      for (const key of Object.keys(keys)) {
        if (!excluded.includes(key)) expect(text.join('\n')).toMatch(new RegExp(`^${key} = `, 'm'));
      }
    }
  });
});

describe('the manual', () => {
  const pages = {
    'conntrackd-ts.8': programPage(help, '1.2.3'),
    'conntrackd-ts.toml.5': settingsPage('1.2.3'),
  };

  it('has every command, option and setting', () => {
    for (const { synopsis, options } of help.commands) {
      expect(pages['conntrackd-ts.8']).toContain(`.SS "${synopsis.replaceAll('-', '\\-')}"`);
      for (const { name } of options) expect(pages['conntrackd-ts.8']).toContain(name.replaceAll('-', '\\-'));
    }
    for (const [name, { keys }] of Object.entries(SECTIONS)) {
      expect(pages['conntrackd-ts.toml.5']).toContain(`.SS "[${name}]"`);
      for (const key of Object.keys(keys)) expect(pages['conntrackd-ts.toml.5']).toContain(`\\fB${key}\\fR`);
    }
  });
});
