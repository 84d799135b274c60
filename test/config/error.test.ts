import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/error.ts';
import { parseConfig } from '../../src/config/parse.ts';

function errorOf(text: string, file = 'a.conf'): ConfigError {
  try {
    parseConfig(text, file);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

const LINK = 'UDP { Interface veth0 IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Port 3780 }';
const path = (length: number) => `/${'a'.repeat(length - 1)}`;
const cut = `${path(64)}...`;

describe('what the grammar does not allow', () => {
  it('is named with the place, what is there and what could be', () => {
    const error = errorOf('Sync {\n    Foo\n}\n', '/etc/conntrackd/conntrackd.conf');
    expect(error.message).toBe(
      "/etc/conntrackd/conntrackd.conf:2:5: found `Foo', expected one of `RefreshTime', `CacheTimeout', " +
        "`CommitTimeout', `PurgeTimeout', `Multicast', `UDP', `TCP', `Mode', `Options', `}'",
    );
    expect(error).toMatchObject({ name: 'ConfigError', line: 2, column: 5, found: "`Foo'" });
    expect(error.expected).toContain("`Multicast'");
  });

  it.each([
    ['Foo\n', "1:1: found `Foo', expected one of `General', `Sync', `Stats', `Helper', end of file"],
    ['General {', /^a\.conf:1:10: found end of file, expected one of `HashSize', .*, `}'$/],
    ['General }\n', "1:9: found `}', expected `{'"],
    ['General { } }\n', "1:13: found `}', expected one of `General', `Sync', `Stats', `Helper', end of file"],
    ['General {\n HashSize big\n}\n', "2:11: found `big', expected a number"],
    ['General { HashSize -1 }\n', "1:20: found `-1', expected a number"],
    ['General { LogFile x }\n', "1:19: found `x', expected one of `on', `off', a path"],
    ['General { LockFile on }\n', "1:20: found `on', expected a path"],
    ['General { Syslog 3 }\n', "1:18: found `3', expected one of `on', `off', a name"],
    ['General { Systemd 1 }\n', "1:19: found `1', expected one of `on', `off'"],
    ['General { Nice 5 }\n', "1:16: found `5', expected a number with a sign"],
    ['General { UNIX { Foo } }\n', "1:18: found `Foo', expected one of `Path', `Backlog', `}'"],
    ['General { NetlinkOverrunResync x }\n', "1:32: found `x', expected one of `on', `off', a number"],
    ['General { Scheduler { Foo } }\n', "1:23: found `Foo', expected one of `Type', `Priority', `}'"],
    ['General { Filter From x { } }\n', "1:23: found `x', expected one of `Userspace', `Kernelspace'"],
    [
      'General { Filter { Foo } }\n',
      "1:20: found `Foo', expected one of `Protocol', `Address', `State', `}'",
    ],
    ['General { Filter { State { } } }\n', "1:26: found `{', expected one of `Accept', `Ignore'"],
    [
      'General { Filter { Protocol Accept { 6 } } }\n',
      "1:38: found `6', expected one of a name, `TCP', `UDP', `}'",
    ],
    [
      'General { Filter { Address Accept { 10.0.0.1 } } }\n',
      "1:37: found `10.0.0.1', expected one of `IPv4_address', `IPv6_address', `}'",
    ],
    ['General { Filter { Address Accept { IPv4_address x } } }\n', "1:50: found `x', expected an IP address"],
    [
      'General { Filter { State Accept { ESTABLISHED } } }\n',
      "1:47: found `}', expected one of `SYN_SENT', `SYN_RECV', `ESTABLISHED', `FIN_WAIT', `CLOSE_WAIT', " +
        "`LAST_ACK', `TIME_WAIT', `CLOSE', `CLOSED', `LISTEN', `for'",
    ],
    ['General { Filter { State Accept { for UDP } } }\n', "1:39: found `UDP', expected `TCP'"],
    ['Sync { Mode FOO { } }\n', "1:13: found `FOO', expected one of `FTFW', `ALARM', `NOTRACK'"],
    ['Sync { Mode ALARM { Foo } }\n', /:1:21: found `Foo', expected one of `RefreshTime', .*, `}'$/],
    [
      'Sync { Mode FTFW { RefreshTime 1 } }\n',
      /:1:20: found `RefreshTime', expected one of `ResendQueueSize', /,
    ],
    [
      'Sync { Options { Foo } }\n',
      "1:18: found `Foo', expected one of `TCPWindowTracking', `ExpectationSync', `}'",
    ],
    ['Sync { Options { ExpectationSync 3 } }\n', "1:34: found `3', expected one of `on', `off', `{'"],
    ['Sync { Options { ExpectationSync { 3 } } }\n', "1:36: found `3', expected one of a name, `}'"],
    ['Sync { UDP Defoult { } }\n', "1:12: found `Defoult', expected `{'"],
    [
      'Sync { UDP { Group 3 } }\n',
      /^a\.conf:1:14: found `Group', expected one of `IPv4_address', .*`Port', .*`}'$/,
    ],
    ['Stats { HashSize 1 }\n', "1:9: found `HashSize', expected one of `LogFile', `Syslog', `}'"],
    [
      'Helper { Foo }\n',
      "1:10: found `Foo', expected one of `Type', `QueueNum', `QueueLen', `Policy', `Setup', `}'",
    ],
    ['Stats { }\n# end', "2:1: found `# end', expected a newline after the comment"],
  ])('in %j', (text, message) => {
    const error = errorOf(text);
    if (typeof message === 'string') expect(error.message).toBe(`a.conf:${message}`);
    else expect(error.message).toMatch(message);
  });

  it.each([
    ['Interface e0', "found the address `e0', expected a name"],
    ['Interface TCP', "found the keyword `TCP', expected a name"],
    ['Interface on', "found the keyword `on', expected a name"],
    ['Interface alarm', "found the keyword `alarm', expected a name"],
    ['Interface 3', "found `3', expected a name"],
  ])('where a name is expected: %s', (text, message) => {
    expect(errorOf(`Sync { UDP { ${text} } }\n`).message).toBe(`a.conf:1:24: ${message}`);
  });
});

describe('a value that C refuses', () => {
  it.each([
    [`General { LogFile ${path(257)}\n}\n`, '1:19: LogFile path is longer than 256 characters'],
    [`General { LockFile ${path(257)}\n}\n`, '1:20: LockFile path is longer than 256 characters'],
    [`Stats { LogFile ${path(257)}\n}\n`, '1:17: stats LogFile path is longer than 256 characters'],
    [`General { UNIX { Path ${path(108)}\n} }\n`, '1:23: Path is longer than 107 characters'],
    ['General { PollSecs 0 }\n', "1:20: `PollSecs' clause must be > 0"],
    ['General { Scheduler { Type idle } }\n', "1:28: unknown scheduler `idle'"],
    ['General { Scheduler { Priority 100 } }\n', "1:32: `Priority' must be [0, 99]"],
    [
      'Stats { }\nSync { }\n',
      "2:1: cannot use both `Stats' and `Sync' clauses in conntrackd.conf: statistics need a daemon of their own, with its own file, LockFile and Path",
    ],
    [
      `Sync { ${LINK} }\nStats { }\n`,
      "2:1: cannot use both `Stats' and `Sync' clauses in conntrackd.conf: statistics need a daemon of their own, with its own file, LockFile and Path",
    ],
    [`Sync { ${LINK}\nTCP { } }\n`, "2:1: cannot use `TCP' with other dedicated link protocols!"],
    [`Sync { ${LINK}\nMulticast { } }\n`, "2:1: cannot use `Multicast' with other dedicated link protocols!"],
    [
      `Sync { ${LINK} ${LINK} ${LINK} ${LINK}\n ${LINK} }\n`,
      '2:2: too many dedicated links in the configuration file (Maximum: 4)',
    ],
    ['Helper { Type ftp ipv4 tcp { } }\n', '1:19: unknown layer 3 protocol'],
    ['Helper { Type ftp inet sctp { } }\n', '1:24: unknown layer 4 protocol'],
    ['Helper { Type bogus inet tcp { } }\n', "1:15: Unknown `bogus' helper"],
    ['Helper { Type ftp inet udp { } }\n', "1:15: Unknown `ftp' helper"],
    [
      'Helper { Type ftp inet tcp { Policy x { ExpectMax 1 } } }\n',
      "1:37: Unknown policy `x' in helper configuration",
    ],
    [
      'Helper { Type ftp inet tcp { Policy ftp { } } }\n',
      '1:37: Helper policy configuration empty, fix your configuration file, please',
    ],
    [
      `Helper { Policy ${'z'.repeat(17)} { ExpectMax 1 } }\n`,
      '1:17: Helper Policy is longer than 16 characters',
    ],
  ])('in %j', (text, message) => {
    const error = errorOf(text);
    expect(error.message).toBe(`a.conf:${message}`);
    expect(error.expected).toEqual([]);
  });
});

describe('a value that could not work', () => {
  const udp = (text: string) => `Sync { UDP { ${text} } }\n`;

  it.each([
    [
      'General { HashLimit 2147483648 }\n',
      "1:21: `2147483648' is too large for `HashLimit', the limit is 2147483647",
    ],
    [
      'General { NetlinkBufferSize 4294967296 }\n',
      "1:29: `4294967296' is too large for `NetlinkBufferSize', the limit is 4294967295",
    ],
    [
      `General { HashSize ${'9'.repeat(100)} }\n`,
      `1:20: \`${'9'.repeat(64)}...' is too large for \`HashSize', the limit is 2147483647`,
    ],
    ['General { LockFile /tmp/\0\n}\n', '1:20: LockFile path holds bytes that are not text'],
    ['General { LockFile /tmp/\ufffd\n}\n', '1:20: LockFile path holds bytes that are not text'],
    [udp('Port 0'), "1:19: `Port' must be [1, 65535]"],
    [udp('Port 65536'), "1:19: `65536' is too large for `Port', the limit is 65535"],
    ['Sync { Multicast { Group 65536 } }\n', "1:26: `65536' is too large for `Group', the limit is 65535"],
    [
      udp('Interface sixteencharacter'),
      "1:24: an interface's name has at most 15 characters, `sixteencharacter' has 16",
    ],
    [
      udp('IPv4_address 10.0.0.1 IPv6_Destination_Address fe80::1'),
      '1:61: the IPv6 address fe80::1 stands in an IPv4 link',
    ],
    [
      udp('IPv6_address fe80::1 IPv4_Destination_Address 10.0.0.1'),
      '1:60: the IPv4 address 10.0.0.1 stands in an IPv6 link',
    ],
    ['Sync { Multicast { IPv4_address 10.0.0.1 } }\n', "1:33: `10.0.0.1' is not a multicast address"],
    ['Sync { Multicast { IPv6_address fe80::1 } }\n', "1:33: `fe80::1' is not a multicast address"],
    [udp('IPv4_Destination_Address 10.0.0.1/24'), '1:39: 10.0.0.1/24 is not a valid IPv4 address'],
    ['Helper { QueueNum 65536 }\n', "1:19: `65536' is too large for `QueueNum', the limit is 65535"],
    [
      `Helper {\n${'Type ftp inet tcp {\n'.repeat(17)}`,
      "18:1: more than 16 `Type' clauses inside one another",
    ],
    [' '.repeat((1 << 20) + 1), '1:1: the file has 1048577 characters, the limit is 1048576'],
  ])('in %j', (text, message) => {
    expect(errorOf(text).message).toBe(`a.conf:${message}`);
  });

  it.each([
    ['Multicast', '', "`IPv4_address', `IPv6_address'"],
    ['Multicast', 'IPv4_address 225.0.0.50', "`Interface'"],
    ['Multicast', 'IPv4_address 225.0.0.50 Interface eth2', "`Group'"],
    ['UDP', '', "`IPv4_Destination_Address', `IPv6_Destination_Address'"],
    ['UDP', 'IPv4_Destination_Address 10.0.0.2', "`Interface'"],
    ['TCP', 'IPv4_Destination_Address 10.0.0.2 Interface eth2', "`Port'"],
  ])('in a %s link of %j, which lacks an option', (keyword, text, option) => {
    const error = errorOf(`Sync {\n Mode FTFW { }\n ${keyword} { ${text} }\n}\n`);
    const wanted = option.includes(',') ? `one of ${option}` : option;
    expect(error.message).toBe(
      `a.conf:3:2: found a \`${keyword}' link that lacks an option, expected ${wanted}`,
    );
    expect(error).toMatchObject({ line: 3, column: 2, expected: option.split(', ') });
  });

  it('in a Sync clause without a link', () => {
    expect(errorOf('\nSync { Mode FTFW { } }\n').message).toBe(
      "a.conf:2:1: found a `Sync' clause without a link, expected one of `Multicast', `UDP', `TCP'",
    );
  });
});

describe('a message', () => {
  it('is one line of printable characters', () => {
    expect(errorOf('\x1b[31m\n', 'a\nb.conf').message).toBe(
      "a\\x0ab.conf:1:1: found `\\x1b', expected one of `General', `Sync', `Stats', `Helper', end of file",
    );
  });

  it('shows at most 64 characters of what it found', () => {
    expect(errorOf(`General { HashSize ${path(100)}\n}\n`).message).toBe(
      `a.conf:1:20: found \`${cut}', expected a number`,
    );
  });
});
