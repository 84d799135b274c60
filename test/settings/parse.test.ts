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

const GUARD = '[failover.guard]\ninterfaces = ["lan0"]\n';

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
    for (const text of ['', '\n# nothing\n', '[failover]\n', '[standby]\n'])
      expect(parse(text)).toEqual(DEFAULT_SETTINGS);
  });

  it('says whose lines of keepalived count', () => {
    expect(parse('[failover]\nkeepalived_fifo = "/run/k"\ninstance = "VI_1"\n').failover).toMatchObject({
      keepalivedFifo: '/run/k',
      source: { kind: 'instance', name: 'VI_1' },
    });
    expect(parse('[failover]\ngroup = "G1"\n').failover.source).toEqual({ kind: 'group', name: 'G1' });
  });

  it('describes the guard', () => {
    expect(parse(GUARD).failover.guard).toEqual({ interfaces: ['lan0'], allow: [], maxSeconds: 30 });
    const allow = ['192.0.2.1', '10.0.0.0/8', '2001:db8::/64', '::1'];
    const text = `${GUARD}allow = ${JSON.stringify(allow)}\nmax_seconds = 5\n`;
    expect(parse(text).failover.guard).toEqual({ interfaces: ['lan0'], allow, maxSeconds: 5 });
  });

  it('is read the same however TOML writes it', () => {
    const expected = parse(
      '[failover]\ninstance = "V"\n[failover.guard]\ninterfaces = ["a"]\n[standby]\nkeep = true\n',
    );
    expect(
      parse('failover.instance = "V"\nfailover.guard.interfaces = ["a"]\nstandby.keep = true\n'),
    ).toEqual(expected);
    expect(
      parse('failover = { instance = "V", guard = { interfaces = ["a"] } }\nstandby = { keep = true }\n'),
    ).toEqual(expected);
    expect(
      parse('[failover]\n"instance" = \'V\'\nguard.interfaces = ["a",]\n[standby]\nkeep = true\n'),
    ).toEqual(expected);
  });
});

describe('a mistake in a settings file is told with its place, what was found and what is expected', () => {
  it.each([
    ['[failover', 'fw-ts.toml:1:10: no TOML: '],
    ['[failover]\ninstance = \n', 'fw-ts.toml:3:1: no TOML: Unspecified values are invalid'],
    ['[failover]\ninstance = "a"\ninstance = "b"\n', 'fw-ts.toml:3:1: no TOML: '],
    [
      '[failovr]\n',
      "fw-ts.toml:1:2: found section `failovr' (did you mean `failover'?), expected one of [failover], ",
    ],
    [
      '\n[metrics]\n',
      "fw-ts.toml:2:2: found section `metrics', expected one of [failover], [failover.guard], [standby]",
    ],
    ['[failover.gaurd]\n', "(did you mean `failover.guard'?)"],
    ['keep = true\n', "fw-ts.toml:1:1: found key `keep' outside of a section, expected one of [failover], "],
    [
      '[standby]\n  kep = true\n',
      "fw-ts.toml:2:3: found key `kep' in [standby] (did you mean `keep'?), expected `keep'",
    ],
    ['[standby]\nkeep = "yes"\n', "fw-ts.toml:2:8: found `yes', expected `true' or `false' for `keep'"],
    [
      '[standby]\nkeep = 1979-05-27\n',
      "fw-ts.toml:2:8: found `1979-05-27T00:00:00.000Z', expected `true' or `false'",
    ],
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
    ['[failover.guard]\n', "1:2: [failover.guard] needs the key `interfaces'"],
    [
      '[failover.guard]\ninterfaces = "lan0"\n',
      "2:14: found `lan0', expected a list of 1 to 64 interface names",
    ],
    ['[failover.guard]\ninterfaces = []\n', 'expected a list of 1 to 64 interface names'],
    ['[failover.guard]\ninterfaces = ["lan0", 3]\n', 'found `["lan0",3]\', expected a list'],
    ['[failover.guard]\ninterfaces = ["a234567890123456"]\n', 'expected a list of 1 to 64 interface names'],
    [`${GUARD}allow = ["10.0.0.0/33"]\n`, 'expected a list of 0 to 256 addresses or networks'],
    [`${GUARD}allow = ["fe80::1%eth0"]\n`, 'expected a list of 0 to 256 addresses or networks'],
    [`${GUARD}allow = ["host.example"]\n`, 'expected a list of 0 to 256 addresses or networks'],
    [`${GUARD}max_seconds = 0\n`, "3:15: found `0', expected a whole number from 1 to 3600"],
    [`${GUARD}max_seconds = 1.5\n`, 'expected a whole number from 1 to 3600'],
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
      '[failover.guard]',
      'keep',
      'interfaces',
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
