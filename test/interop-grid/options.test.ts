import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { nodeSpecIn } from '../../sim/interop/node-spec.ts';
import { parseGridArguments } from '../../sim/interop/options.ts';
import { CASES } from '../../sim/interop/registry.ts';
import { cProgramPath, missingCProgram } from '../../sim/netns/c-program.ts';

const directory = mkdtempSync(join(tmpdir(), 'interop-options-'));
const program = join(directory, 'conntrackd');
const text = join(directory, 'text');
const build = join(directory, 'build');
writeFileSync(program, '#!/bin/sh\n');
chmodSync(program, 0o755);
writeFileSync(text, 'no program');
mkdirSync(join(build, 'bin'), { recursive: true });
writeFileSync(join(build, 'bin', 'conntrackd-ts'), '#!/bin/sh\n');
chmodSync(join(build, 'bin', 'conntrackd-ts'), 0o755);

afterAll(() => rmSync(directory, { recursive: true }));

function optionsOf(...args: readonly string[]) {
  const command = parseGridArguments(['--node', `c149=${program}`, ...args]);
  if (command.kind !== 'run') throw new Error(`${command.kind} instead of a run`);
  return command.options;
}

describe('the options', () => {
  test('are all cases in all modes over all links, and no file', () => {
    expect(optionsOf()).toMatchObject({
      nodes: [{ name: 'c149', path: program, program: { command: program, args: [] } }],
      cases: CASES,
      modes: ['ftfw', 'notrack', 'alarm'],
      links: ['udp', 'multicast', 'tcp'],
      jobs: 2,
      isAllKept: false,
      files: { json: undefined, junit: undefined, html: undefined, markdown: undefined },
    });
  });

  test('choose, in the order of the grid', () => {
    const { cases, modes, links, jobs, files } = optionsOf(
      ...[
        '--only',
        'survival,greeting',
        '--modes',
        'alarm,ftfw',
        '--links',
        'tcp',
        '--jobs',
        '4',
        '--junit',
        'x.xml',
      ],
    );
    expect(cases.map(({ name }) => name)).toEqual(['greeting', 'survival']);
    expect({ modes, links, jobs, junit: files.junit }).toEqual({
      modes: ['ftfw', 'alarm'],
      links: ['tcp'],
      jobs: 4,
      junit: 'x.xml',
    });
  });

  test('ask for a list, or for help, whatever nodes there are', () => {
    expect(parseGridArguments(['--list', '--node', 'nonsense'])).toEqual({ kind: 'list' });
    expect(parseGridArguments(['-h'])).toEqual({ kind: 'help' });
  });

  test.each([
    [['--only', 'survivel'], "--only: `survivel' is unknown; did you mean `survival'?"],
    [['--only', 'everything'], /--only: `everything' is unknown; expected one of greeting, bulk, /],
    [['--modes', 'notrak'], "--modes: `notrak' is unknown; did you mean `notrack'?"],
    [['--links', 'sctp'], "--links: `sctp' is unknown; did you mean `tcp'?"],
    [['--jobs', '0'], "--jobs: `0' is no count"],
    [['--timeout', 'x'], "--timeout: `x' is no count"],
    [['--mode', 'ftfw'], /--mode/],
    [['survival'], /survival/],
    [['--node', `c149=${program}`], '--node c149: two nodes have this name'],
  ])('refuse %j', (args, message) => {
    expect(() => optionsOf(...args)).toThrow(message);
  });
});

describe('a node', () => {
  test.each([
    ['c149', '--node c149: no path; c149=/path/to/conntrackd gives one'],
    ['c149=', '--node c149=: no path behind the ='],
    ['a b=/bin/true', "--node `a b=/bin/true': a name has letters, digits and . _ + - only, 40 at most"],
    ['=/bin/true', /a name has/],
    [`x=${join(directory, 'missing')}`, `--node x: ${join(directory, 'missing')} does not exist`],
    [`x=${text}`, `--node x: ${text} is no program: it cannot be executed`],
    [`x=${directory}`, `--node x: ${directory} is a folder without bin/conntrackd-ts`],
    [`x=${build}`, `--node x: ${build} is not built; npm run build there builds it`],
  ])('cannot be %s', (specification, message) => {
    expect(() => nodeSpecIn(specification)).toThrow(message);
  });

  test('is a folder with a build of ours, or a JavaScript file', () => {
    mkdirSync(join(build, 'dist', 'src', 'cli'), { recursive: true });
    const main = join(build, 'dist', 'src', 'cli', 'main.js');
    writeFileSync(main, '');
    expect(nodeSpecIn(`x=${build}`).program).toMatchObject({
      command: join(build, 'bin', 'conntrackd-ts'),
      args: [],
      env: { CONNTRACKD_TS_NODE: process.execPath },
    });
    expect(nodeSpecIn(`x=${main}`).program).toMatchObject({ command: process.execPath, args: [main] });
  });

  test('is this build, as its launcher', () => {
    expect(nodeSpecIn('ours').program.command).toMatch(/\/bin\/conntrackd-ts$/);
  });
});

describe('the C program', () => {
  test('is what CONNTRACKD names, as an absolute path', () => {
    expect(cProgramPath({ CONNTRACKD: program })).toBe(program);
    expect(missingCProgram({ CONNTRACKD: program })).toBeUndefined();
    expect(cProgramPath({ CONNTRACKD: 'src/conntrackd' })).toBe(join(process.cwd(), 'src/conntrackd'));
  });

  test.each([text, directory, join(directory, 'missing')])('is missing where CONNTRACKD names %s', (path) => {
    expect(missingCProgram({ CONNTRACKD: path })).toBe(`a program where CONNTRACKD says: ${path} is none`);
  });

  test('is the installed one where CONNTRACKD is empty or unset', () => {
    expect(cProgramPath({ CONNTRACKD: '' })).toBe(cProgramPath({}));
    expect(cProgramPath({})).toMatch(/\/conntrackd$/);
  });
});
