import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/error.ts';
import { parseSettings } from '../../src/settings/parse.ts';
import { settingsPath } from '../../src/settings/path.ts';
import { SECTIONS } from '../../src/settings/schema.ts';
import { DEFAULT_SETTINGS } from '../../src/settings/settings.ts';

/** Every section, as a message lists them. */
const sections = `expected one of ${Object.keys(SECTIONS)
  .map((name) => `[${name}]`)
  .join(', ')}`;

const parse = (text: string) => parseSettings(text, 'fw-ts.toml');

/** The text of a file with this in the section about the guard. */
const guard = (lines: string) => `[failover.guard]\n${lines}\n`;

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

  it('names the keepalived instance whose lines count', () => {
    expect(parse('[failover]\nkeepalived_fifo = "/run/k"\ninstance = "VI_1"\n').failover).toMatchObject({
      keepalivedFifo: '/run/k',
      source: { kind: 'instance', name: 'VI_1' },
    });
    expect(parse('[failover]\ngroup = "G1"\n').failover.source).toEqual({ kind: 'group', name: 'G1' });
  });

  it('sets how often everything is asked for without a cause', () => {
    expect(parse('[replication]\nresync_seconds = 600\n').replication).toEqual({
      resyncSeconds: 600,
      activeNodes: 'one',
    });
    expect(parse('[replication]\nactive_nodes = "several"\n').replication.activeNodes).toBe('several');
    expect(refusal('[replication]\nresync_seconds = 5\n')).toContain(
      "expected whole seconds from 10 to 86400, or 0 for never, for `resync_seconds'",
    );
  });

  it('says who may send on the links', () => {
    expect(parse('[links]\nsenders = ["192.0.2.1", "fe80::1"]\n').links).toEqual({
      senders: ['192.0.2.1', 'fe80::1'],
      acceptAnySender: false,
      latency: 'auto',
    });
    expect(parse('[links]\naccept_any_sender = true\n').links.acceptAnySender).toBe(true);
    for (const wrong of ['"fw1"', '"192.0.2.0/24"', '"225.0.0.50"', '"ff02::1"', '"0.0.0.0"', '"::"', '7'])
      expect(refusal(`[links]\nsenders = [${wrong}]\n`)).toMatch(
        /^fw-ts\.toml:2:12: found .* expected the IPv4 or IPv6 address of one node/,
      );
    expect(refusal('[links]\nsenders = ["192.0.2.1"]\naccept_any_sender = true\n')).toContain(
      "[links] has both `senders' and `accept_any_sender', expected one",
    );
  });

  it('says whether a change is sent at once or with others', () => {
    expect(parse('').links.latency).toBe('auto');
    for (const latency of ['auto', 'low', 'batched'])
      expect(parse(`[links]\nlatency = "${latency}"\n`).links.latency).toBe(latency);
    for (const wrong of ['"fast"', '""', 'true', '4'])
      expect(refusal(`[links]\nlatency = ${wrong}\n`)).toMatch(
        /^fw-ts\.toml:2:11: found .* expected "auto" or "low" or "batched" for `latency'/,
      );
  });

  it('sets what is guarded, for how long, and what passes nevertheless', () => {
    expect(parse(guard('interfaces = ["in0", "out0.7"]')).failover.guard).toEqual({
      interfaces: ['in0', 'out0.7'],
      allow: [],
      liftAfterSeconds: 10,
    });
    const allow = [
      '192.0.2.0/24',
      '2001:db8::1',
      'tcp 22',
      'udp 500-510 from 2001:db8::/33',
      'icmp',
      'from 10.0.0.0/8',
    ];
    const text = guard(`interfaces = ["a"]\nlift_after_seconds = 3\nallow = ${JSON.stringify(allow)}`);
    const found = parse(text).failover.guard!;
    expect(found.liftAfterSeconds).toBe(3);
    expect(found.allow.map(({ text }) => text)).toEqual(allow);
    const any = { protocol: undefined, ports: undefined, from: undefined };
    const ipv6 = (...first: number[]) => Uint8Array.from({ length: 16 }, (_, at) => first[at] ?? 0);
    expect(found.allow.map(({ text: _, ...rest }) => rest)).toEqual([
      { ...any, from: { address: Uint8Array.of(192, 0, 2, 0), length: 24 } },
      {
        ...any,
        from: { address: ipv6(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), length: 128 },
      },
      { ...any, protocol: 6, ports: { first: 22, last: 22 } },
      {
        protocol: 17,
        ports: { first: 500, last: 510 },
        from: { address: ipv6(0x20, 1, 0xd, 0xb8), length: 33 },
      },
      { ...any, protocol: 1 },
      { ...any, from: { address: Uint8Array.of(10, 0, 0, 0), length: 8 } },
    ]);
  });

  it("says how the log's lines are laid out", () => {
    expect(parse('').log.format).toBe('text');
    expect(parse('[log]\nformat = "json"\n').log.format).toBe('json');
    expect(refusal('[log]\nformat = "JSON"\n')).toContain(
      `2:10: found \`JSON', expected "text" or "json" for \`format'`,
    );
  });

  it('says whether the daemon goes on where the kernel has no helpers in user space', () => {
    expect(parse('').helper.optional).toBe(false);
    expect(parse('[helper]\noptional = true\n').helper.optional).toBe(true);
    expect(refusal('[helper]\noptional = "yes"\n')).toContain("2:12: found `yes', expected true or false");
  });

  it('sets what version the peers run, and whether labels are replicated', () => {
    expect(parse('[peer]\nversion = "1.4.6"\nlabels = false\n').peer).toEqual({
      version: '1.4.6',
      labels: false,
    });
    expect(parse('[peer]\nversion = "1.4.9"\n').peer.labels).toBe(true);
  });

  it('sets what a hot standby keeps', () => {
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

describe('a mistake in a settings file is reported with its place, what was found and what is expected', () => {
  it.each([
    ['[failover', 'fw-ts.toml:1:10: no TOML: '],
    ['[failover]\ninstance = \n', 'fw-ts.toml:3:1: no TOML: Unspecified values are invalid'],
    ['[failover]\ninstance = "a"\ninstance = "b"\n', 'fw-ts.toml:3:1: no TOML: '],
    ['[failovr]\n', `fw-ts.toml:1:2: found section \`failovr' (did you mean \`failover'?), ${sections}`],
    ['\n[unknown]\n', `fw-ts.toml:2:2: found section \`unknown', ${sections}`],
    ['instance = "a"\n', `fw-ts.toml:1:1: found key \`instance' outside of a section, ${sections}`],
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
    [
      '[peer]\nversion = "1.4.3"\n',
      '2:11: found `1.4.3\', expected a version of conntrack-tools from 1.4.4 on, such as "1.4.6" for `version\'',
    ],
    ['[peer]\nversion = 1.4\n', "2:11: found `1.4', expected a version of conntrack-tools"],
    ['[peer]\nlabels = "no"\n', "2:10: found `no', expected true or false for `labels'"],
    ['[standby]\nkeep = "yes"\n', "fw-ts.toml:2:8: found `yes', expected true or false for `keep'"],
    [
      '[standby]\nresync_seconds = 5\n',
      "2:18: found `5', expected whole seconds from 10 to 86400, or 0 for never, for",
    ],
    ['[standby]\nresync_seconds = 10.5\n', "2:18: found `10.5', expected whole seconds"],
    ['[[failover]]\n', 'fw-ts.toml:1:3: a section stands once, as [name]'],
    ['[failover.guard]\n', "fw-ts.toml:1:2: [failover.guard] has no `interfaces', which it needs"],
    ['[failover]\nguard = { allow = [] }\n', "2:1: [failover.guard] has no `interfaces', which it needs"],
    [
      '[failover.gard]\n',
      `fw-ts.toml:1:2: found section \`failover.gard' (did you mean \`failover.guard'?), ${sections}`,
    ],
    [
      '[failover.guard]\ninterface = ["a"]\n',
      "2:1: found key `interface' in [failover.guard] (did you mean `interfaces'?), expected one of `interfaces', `allow', `lift_after_seconds'",
    ],
    [
      guard('interfaces = []'),
      "2:14: found `[]', expected a list of 1 to 64 names of network interfaces for `interfaces'",
    ],
    [guard('interfaces = "in0"'), "2:14: found `in0', expected a list of 1 to 64 names"],
    [guard('interfaces = ["in0", "out0",\n "in0"]'), "fw-ts.toml:3:2: `interfaces' has `in0' twice"],
    [
      guard('interfaces = ["in0", "a/b"]'),
      "2:22: found `a/b', expected the name of a network interface for `interfaces'",
    ],
    [guard('interfaces = ["a234567890123456"]'), "2:15: found `a234567890123456', expected the name"],
    [guard('interfaces = [""]'), "2:15: found `', expected the name"],
    [guard('interfaces = [3]'), "2:15: found `3', expected the name"],
    [guard('interfaces = ["lo"]'), "2:15: found `lo', expected an interface of a LAN, not the loopback"],
    ...[0, 301, 1.5, '"10"', '1e400'].map((wrong): [string, string] => [
      guard(`interfaces = ["a"]\nlift_after_seconds = ${wrong}`),
      'expected a whole number of seconds from 1 to 300',
    ]),
    [guard('interfaces = ["a"]\nallow = ["icmp", "tcp 22", "tcp 22"]'), "3:28: `allow' has `tcp 22' twice"],
    [guard('interfaces = ["a"]\nallow = [22]'), "3:10: found `22', expected a string for `allow'"],
    ...(
      [
        ['tpc 22', "found `tpc' in `tpc 22', expected a protocol (tcp, udp, sctp, icmp, icmpv6, igmp,"],
        ['', "found `' in `', expected a protocol"],
        ['tcp ssh', "found `ssh' in `tcp ssh', expected a port from 1 to 65535, two such as 6000-6010,"],
        ['tcp 0', "found `0' in `tcp 0', expected a port"],
        ['tcp 65536', "found `65536' in"],
        ['tcp 20-10', "found `20-10' in"],
        ['tcp  22', "found `' in `tcp  22', expected a port"],
        [
          'icmp 8',
          "found `8' in `icmp 8', expected `from ADDRESS' or nothing behind icmp, which has no ports",
        ],
        ['tcp 22 to 192.0.2.1', "found `to' in `tcp 22 to 192.0.2.1', expected `from ADDRESS' or nothing"],
        ['tcp 22 from', "found `tcp 22 from', expected an address at the end"],
        ['tcp 22 from 192.0.2.1 x', "found `x' in `tcp 22 from 192.0.2.1 x', expected nothing behind"],
        ['tcp from 192.0.2.256', "found `192.0.2.256' in `tcp from 192.0.2.256', expected an address with"],
        [
          '192.0.2.1/24',
          "found `192.0.2.1/24' in `192.0.2.1/24', expected 192.0.2.0/24, the network's address",
        ],
        ['2001:db8::/16', 'expected 2001::/16'],
        ['192.0.2.0/33', "found `192.0.2.0/33' in"],
        ['0.0.0.0/0', "found `0.0.0.0/0' in"],
        ['192.0.2.0/24/24', "found `192.0.2.0/24/24' in"],
        ['icmp from ::1', "found `::1' in `icmp from ::1', expected an IPv4 address"],
        ['icmpv6 from 192.0.2.1', "found `192.0.2.1' in `icmpv6 from 192.0.2.1', expected an IPv6 address"],
      ] as const
    ).map(([text, message]): [string, string] => [guard(`interfaces = ["a"]\nallow = ["${text}"]`), message]),
    ['[constructor]\nx = 1\n', "found section `constructor'"],
    ['[failover]\n__proto__ = 1\n', "found key `__proto__' in [failover]"],
  ])('%j', (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  it('is reported for a file that is too long', () => {
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
      'interfaces',
      '["in0", "tcp 22"]',
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
