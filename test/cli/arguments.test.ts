import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Action, isTask, parseArguments } from '../../src/cli/arguments.ts';
import { warningLines } from '../../src/cli/invocation.ts';
import { immediateOutcome, type Outcome } from '../../src/cli/outcome.ts';
import { usageText } from '../../src/cli/usage.ts';
import { isKnownRequest, JSON_FORM, Request } from '../../src/control/codes.ts';
import { VERSION } from '../../src/control/version.ts';

function action(line: string): Action {
  return parseArguments(line === '' ? [] : line.split(' ')).action;
}

const SPEAKER = { program: 'conntrackd-ts', pid: 12, now: new Date(2026, 10, 22, 9, 36, 1) };

describe('the arguments', () => {
  it.each<[string, Action]>([
    ['', { kind: 'run', daemon: false }],
    ['-d', { kind: 'run', daemon: true }],
    ['-d -d', { kind: 'run', daemon: true }],
    ['-C /x', { kind: 'run', daemon: false, configuration: '/x' }],
    ['-d -C /x', { kind: 'run', daemon: true, configuration: '/x' }],
    ['-s -C /x', { kind: 'request', request: Request.STATISTICS, configuration: '/x' }],
    ['-s --in-sync -C /x', { kind: 'in-sync', configuration: '/x' }],
    ['-v', { kind: 'version' }],
    ['-h', { kind: 'usage' }],
    ['-help', { kind: 'usage' }],
    ['--help', { kind: 'help' }],
    ['--version', { kind: 'version-number' }],
    ['doctor --json', { kind: 'doctor', rest: ['--json'] }],
    ['decode x.pcap -v', { kind: 'decode', rest: ['x.pcap', '-v'] }],
  ])('`%s`', (line, expected) => {
    expect(action(line)).toEqual(expected);
  });

  it.each([
    ['-c', Request.COMMIT_ALL],
    ['-c ct', Request.COMMIT_CT],
    ['-c expect', Request.COMMIT_EXPECT],
    ['-c e', Request.COMMIT_EXPECT],
    ['-F', Request.FLUSH_KERNEL_ALL],
    ['-F c', Request.FLUSH_KERNEL_CT],
    ['-R', Request.RESYNC_KERNEL_ALL],
    ['-R exp', Request.RESYNC_KERNEL_EXPECT],
    ['-i', Request.DUMP_INTERNAL_CT],
    ['-i -x', Request.DUMP_INTERNAL_CT_XML],
    ['-i expect -x', Request.DUMP_INTERNAL_EXPECT_XML],
    ['-e', Request.DUMP_EXTERNAL_CT],
    ['-e ct -x', Request.DUMP_EXTERNAL_CT_XML],
    ['-e expect -x', Request.DUMP_EXTERNAL_EXPECT_XML],
    ['-f', Request.FLUSH_CACHES_ALL],
    ['-f i', Request.FLUSH_INTERNAL],
    ['-f external', Request.FLUSH_EXTERNAL],
    ['-B', Request.SEND_BULK],
    ['-n', Request.REQUEST_RESYNC],
    ['-t', Request.RESET_TIMERS],
    ['-k', Request.KILL],
    ['-s', Request.STATISTICS],
    ['-s net', Request.STATISTICS_NETWORK],
    ['-s c', Request.STATISTICS_CACHE],
    ['-s ct', Request.STATISTICS],
    ['-s r', Request.STATISTICS_RUNTIME],
    ['-s rs', Request.STATISTICS_RSQUEUE],
    ['-s l', Request.STATISTICS_LINK],
    ['-s p', Request.STATISTICS_PROCESS],
    ['-s q', Request.STATISTICS_QUEUE],
    ['-s exp', Request.STATISTICS_EXPECT],
    ['-s -i', Request.DUMP_INTERNAL_CT],
    // The character after the dash is what counts.
    ['-statistics', Request.STATISTICS],
    ['-s --json', Request.STATISTICS + JSON_FORM],
    ['-s link --json', Request.STATISTICS_LINK + JSON_FORM],
    ['-c --json', Request.COMMIT_ALL + JSON_FORM],
    ['-i --json', Request.DUMP_INTERNAL_CT + JSON_FORM],
  ])('`%s` asks the daemon for %i', (line, request) => {
    expect(action(line)).toEqual({ kind: 'request', request });
  });

  it.each([
    ['-d -s', 'Invalid parameters'],
    ['-s -d', 'Invalid parameters'],
    ['-x', 'Invalid parameters'],
    ['-x -i', 'Invalid parameters'],
    ['-s -x', 'Invalid parameters'],
    ['-i -x -x', 'Invalid parameters'],
    ['-C', 'Missing config filename'],
    ['-s link --in-sync', "`--in-sync' goes with `-s' alone"],
    ['-s --json --in-sync', "`--in-sync' goes with `-s' alone"],
    ['--in-sync', "`--in-sync' goes with `-s' alone"],
    ['-k --json', "`--json' needs `-s', `-i', `-e' or `-c' before it"],
  ])('`%s` is refused with the usage: %s', (line, message) => {
    expect(action(line)).toEqual({ kind: 'refused', message, usage: true });
  });

  it.each(['-z', '-', '--nonsense', '-c -z'])('`%s` is unknown, and a failure', (line) => {
    expect(action(line)).toEqual({
      kind: 'refused',
      message: `Unknown option: ${line.split(' ').at(-1)}`,
      usage: true,
    });
    expect(outcome(line).code).toBe(1);
  });

  // With C the second letter counts: a timer reset, a flush of the kernel's table, a kill, a commit, a daemon with defaults.
  it.each(['statu', 'xF', 'sk', 'ic', '-F xt', '-c foo', '-d doctor', '-s net role', 'ids', ' -d'])(
    'a word without a dash is no option, whatever its second letter: `%s`',
    (line) => {
      const word = line.split(' ').findLast((one) => !one.startsWith('-'));
      expect(action(line)).toEqual({
        kind: 'refused',
        message: `Unknown option: ${line === ' -d' ? '' : word} (expected an option with its dash, or as the first word one of decode, delete, doctor, events, genkey, init, list, metrics, role, stats, status, top)`,
        usage: true,
      });
      expect(outcome(line).code).toBe(1);
    },
  );

  it.each([
    ['-s foo', "unknown parameter `foo' for option `-s'"],
    ['-s ctx', "unknown parameter `ctx' for option `-s'"],
    ['-f foo', "unknown parameter `foo' for option `-f'"],
  ])('`%s` is refused without the usage: %s', (line, message) => {
    expect(action(line)).toEqual({ kind: 'refused', message, usage: false });
  });

  it('takes the old word for the links, with a warning', () => {
    const command = parseArguments(['-s', 'multicast']);
    expect(command.action).toEqual({ kind: 'request', request: Request.STATISTICS_LINK });
    expect(warningLines(command.warnings, SPEAKER)).toBe(
      "[Sun Nov 22 09:36:01 2026] (pid=12) [warning] use `link' instead of `multicast' as parameter.\n",
    );
  });

  it('makes something of any arguments, and asks only for what there is', () => {
    const piece = fc.oneof(
      fc.constantFrom('-s', '-i', '-e', '-x', '-f', '-c', '-C', '-d', '--json', 'ct', 'expect', 'net', 'int'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (args) => {
        const { action: made } = parseArguments(args);
        if (made.kind === 'request') expect(made.request === -1 || isKnownRequest(made.request)).toBe(true);
        if (made.kind === 'refused') expect(made.message).not.toBe('');
      }),
    );
  });

  it('takes an empty path for none, and cuts one that no system has', () => {
    expect(parseArguments(['-C', '']).action).toEqual({ kind: 'run', daemon: false });
    const { action: cut, warnings } = parseArguments(['-C', 'x'.repeat(5_000)]);
    expect(cut).toEqual({ kind: 'run', daemon: false, configuration: 'x'.repeat(4_095) });
    expect(warnings).toEqual(['Path to config file to long. Cutting it down to 4096 characters']);
  });
});

function outcome(line: string): Outcome {
  const asked = action(line);
  if (isTask(asked)) throw new Error(`\`${line}' is to be done`);
  return immediateOutcome(asked, SPEAKER);
}

describe('the outcome', () => {
  it('of a refusal is the usage, and an error in the layout of the log', () => {
    expect(outcome('-x')).toEqual({
      stdout: usageText('conntrackd-ts'),
      stderr: '[Sun Nov 22 09:36:01 2026] (pid=12) [ERROR] Invalid parameters\n',
      code: 1,
    });
  });

  it('of the version is on standard output', () => {
    const version = outcome('-v');
    expect(version).toMatchObject({ stderr: '', code: 0 });
    expect(
      version.stdout.startsWith(`Connection tracking userspace daemon v${VERSION}. Licensed under GPLv2.\n`),
    ).toBe(true);
    expect(outcome('--version').stdout).toBe(`${VERSION}\n`);
  });

  it('names the program as it was called', () => {
    expect(outcome('-h').stdout).toContain('\nUsage: conntrackd-ts [commands] [options]\n');
  });

  it('of a command that needs more than its arguments is for others to make', () => {
    for (const line of ['', '-d', '-s', 'decode', 'doctor']) expect(isTask(action(line))).toBe(true);
  });
});
