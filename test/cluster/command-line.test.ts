import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../sim/cluster/command-line.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/sim/cluster.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'conntrackd-ts-sim-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function sim(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], { cwd: directory }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

describe('the command line of the simulator', () => {
  it('takes what is asked for, and leaves the rest to the seed', () => {
    const { settings, runs } = parseCommandLine([
      '--seed',
      '7',
      '--nodes',
      '3',
      '--mode',
      'alarm',
      '--runs',
      '5',
    ]);
    expect(settings).toMatchObject({ seed: 7, nodes: 3, mode: 'alarm', steps: 2000 });
    expect(settings.program).toBeUndefined();
    expect(runs).toBe(5);
  });

  it('makes a pair of ours out of a hot standby', () => {
    expect(parseCommandLine(['--hot-standby']).settings).toMatchObject({
      hotStandby: true,
      nodes: 2,
      mode: 'ftfw',
      program: 'ours',
    });
  });

  it('knows several active nodes, which have a simulation of their own', () => {
    expect(parseCommandLine(['--several', '--nodes', '4'])).toMatchObject({
      several: true,
      settings: { nodes: 4 },
    });
    expect(parseCommandLine([]).several).toBe(false);
  });

  it('takes the last of an option that is given twice, so that a script’s can be changed', () => {
    expect(parseCommandLine(['--minutes', '60', '--minutes', '0.5']).minutes).toBe(0.5);
  });

  it.each([
    [['--nodes', '1'], '--nodes takes a whole number from 2 to 32, not "1"'],
    [['--seed', 'x'], '--seed takes a whole number from 0 to '],
    [['--mode', 'none'], '--mode takes one of ftfw, notrack, alarm, mixed, not "none"'],
    [['--minutes', '0'], '--minutes takes a number above 0, not "0"'],
    [['--what'], "Unknown option '--what'"],
  ])('refuses %j in words', (args, words) => {
    expect(() => parseCommandLine(args)).toThrow(words);
  });
});

describe('the simulator’s program', { timeout: 60_000 }, () => {
  it('plays a run, records it and replays it', async () => {
    const file = join(directory, 'run.trace');
    const played = await sim('--seed', '7', '--record', file);
    expect(played.stdout).toMatch(/^seed 7: ours .*\nruns +1\nsteps +[\d,]+ /);
    expect(played.stdout).toMatch(/recorded in .*run\.trace: \d+ bytes\nall rules held\n$/);
    expect(played.code).toBe(0);
    const replayed = await sim('--replay', file);
    expect(replayed.stdout).toMatch(/the same again: \d+ events, \d+ steps\n$/);
    expect(replayed.code).toBe(0);
  });

  it('plays many seeds on all cores', async () => {
    const { code, stdout } = await sim('--seed', '1', '--runs', '20');
    expect(stdout).toMatch(/runs +20\n/);
    expect(stdout).toMatch(/all rules held\n$/);
    expect(code).toBe(0);
  });

  it('ends with 1 where a rule is broken, and shrinks what breaks it', async () => {
    const broken = ['--nodes', '3', '--mode', 'ftfw', '--program', 'c', '--faults', '6'];
    const { code, stdout } = await sim('--seed', '1', '--runs', '50', ...broken, '--shrink');
    expect(code).toBe(1);
    expect(stdout).toMatch(/VIOLATION at step \d+, seed \d+: /);
    expect(stdout).toMatch(/again: npm run sim -- --seed \d+ --nodes 3 --mode ftfw --program c --faults 6/);
    expect(stdout).toMatch(/\d+ faults are enough, after \d+ runs: /);
    const file = /--replay (\S+)/.exec(stdout)![1]!;
    expect((await sim('--replay', file)).stdout).toMatch(/the run ends in a violation: /);
  });

  it('ends with 2, and in words, where it is called wrongly', async () => {
    for (const [args, words] of [
      [['--scenario', 'nothing'], 'there is no scenario "nothing"; there are three-nodes, '],
      [['--steps', '-1'], ''],
      [['--replay', PROGRAM], 'this is no recording of a run'],
    ] as const) {
      const { code, stderr } = await sim(...args);
      expect(stderr).toContain(words);
      expect(stderr).not.toContain('    at ');
      expect(code).toBe(2);
    }
  });
});
