import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/error.ts';
import { parseSettings } from '../../src/settings/parse.ts';
import { settingsPath } from '../../src/settings/path.ts';
import { SECTIONS } from '../../src/settings/schema.ts';
import { DEFAULT_SETTINGS } from '../../src/settings/settings.ts';

const parse = (text: string) => parseSettings(text, 'fw-ts.toml');

function refusal(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe('the path of the settings file', () => {
  it.each([
    ['/etc/conntrackd/conntrackd.conf', '/etc/conntrackd/conntrackd-ts.toml'],
    ['fw1.conf', 'fw1-ts.toml'],
    ['./a.conf.d/fw', './a.conf.d/fw-ts.toml'],
    ['/tmp/x.conf.bak', '/tmp/x.conf.bak-ts.toml'],
  ])('follows the name of the configuration file: %s', (configuration, settings) => {
    expect(settingsPath(configuration)).toBe(settings);
  });
});

describe('a settings file', () => {
  it('may be empty, and then changes nothing', () => {
    for (const text of ['', '\n# nothing\n', '[failover]\n']) expect(parse(text)).toEqual(DEFAULT_SETTINGS);
  });

  it('says whose lines of keepalived count', () => {
    expect(parse('[failover]\nkeepalived_fifo = "/run/k"\ninstance = "VI_1"\n').failover).toMatchObject({
      keepalivedFifo: '/run/k',
      source: { kind: 'instance', name: 'VI_1' },
    });
    expect(parse('[failover]\ngroup = "G1"\n').failover.source).toEqual({ kind: 'group', name: 'G1' });
  });

  it('says what a hot standby keeps', () => {
    expect(parse('[standby]\nkeep = true\n').standby).toEqual({ keep: true, resyncSeconds: 300 });
    expect(parse('[standby]\nresync_seconds = 0\n').standby).toEqual({ keep: false, resyncSeconds: 0 });
  });

  it('is read the same however TOML writes it', () => {
    const expected = parse('[failover]\nkeepalived_fifo = "/k"\ninstance = "V"\n');
    expect(parse('failover.keepalived_fifo = "/k"\nfailover.instance = "V"\n')).toEqual(expected);
    expect(parse('failover = { keepalived_fifo = "/k", instance = "V" }\n')).toEqual(expected);
    expect(parse('["failover"]\n"instance" = \'V\'\nkeepalived_fifo = """/k"""\n')).toEqual(expected);
  });
});

describe('a mistake in a settings file is told with its place, what was found and what is expected', () => {
  it.each([
    ['[failover', 'fw-ts.toml:1:10: no TOML: '],
    ['[failover]\ninstance = \n', 'fw-ts.toml:3:1: no TOML: Unspecified values are invalid'],
    ['[failover]\ninstance = "a"\ninstance = "b"\n', 'fw-ts.toml:3:1: no TOML: '],
    [
      '[failovr]\n',
      "fw-ts.toml:1:2: found section `failovr' (did you mean `failover'?), expected one of [failover], [standby]",
    ],
    ['\n[unknown]\n', "fw-ts.toml:2:2: found section `unknown', expected one of [failover], [standby]"],
    [
      'instance = "a"\n',
      "fw-ts.toml:1:1: found key `instance' outside of a section, expected one of [failover], [standby]",
    ],
    [
      '[failover]\n  instnce = "a"\n',
      "fw-ts.toml:2:3: found key `instnce' in [failover] (did you mean `instance'?), expected one of `keepalived_fifo', `instance', `group'",
    ],
    ['[failover]\ninstance = 3\n', "fw-ts.toml:2:12: found `3', expected a string that is not empty"],
    ['[failover]\ninstance = true\n', "2:12: found `true', expected a string"],
    ['[failover]\ninstance = ["a"]\n', '2:12: found `["a"]\', expected a string'],
    ['[failover]\ninstance = 1979-05-27\n', "2:12: found `1979-05-27T00:00:00.000Z', expected a string"],
    [
      '[failover]\nkeepalived_fifo = "run/k"\n',
      "2:19: found `run/k', expected an absolute path for `keepalived_fifo'",
    ],
    ['[failover]\ninstance = ""\n', "2:12: found `', expected a string that is not empty"],
    ['[failover]\ninstance = "a\\nb"\n', "2:12: found `a\\x0ab', expected a string"],
    [
      '[failover]\ninstance = "a"\ngroup = "b"\n',
      "1:2: [failover] has both `instance' and `group', expected one",
    ],
    ['[standby]\nkeep = "yes"\n', "fw-ts.toml:2:8: found `yes', expected true or false for `keep'"],
    [
      '[standby]\nresync_seconds = 5\n',
      "2:18: found `5', expected whole seconds from 10 to 86400, or 0 for never, for",
    ],
    ['[standby]\nresync_seconds = 10.5\n', "2:18: found `10.5', expected whole seconds"],
    ['[[failover]]\n', 'fw-ts.toml:1:3: a section stands once, as [name]'],
    ['[constructor]\nx = 1\n', "found section `constructor'"],
    ['[failover]\n__proto__ = 1\n', "found key `__proto__' in [failover]"],
  ])('%j', (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  it('is told of a file that is too long', () => {
    expect(refusal('#'.repeat(70_000))).toBe(
      'fw-ts.toml:1:1: the file has 70000 characters, the limit is 65536',
    );
  });

  it('never ends in anything but settings or a ConfigError of one line', () => {
    const word = fc.constantFrom(
      '[failover]',
      '[failover.x]',
      'group',
      'instance',
      '=',
      '"a"',
      '[',
      ']',
      '{',
      '}',
      '\n',
      ',',
      '.',
      '1',
      'true',
      "'''",
      '"""',
      '\u0000',
      ...Object.keys(SECTIONS),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(word).map((words) => words.join(' ')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          try {
            parse(text);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
            expect((error as Error).message).toMatch(/^fw-ts\.toml:\d+:\d+: \P{Cc}+$/u);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
