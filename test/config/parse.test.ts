import { describe, expect, it } from 'vitest';
import type { Config, SyncConfig } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse.ts';

const LINK = 'UDP { Interface veth0 IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Port 3780 }';

function parse(text: string): Config {
  return parseConfig(text, 'test.conf').config;
}
function general(text: string) {
  return parse(`General { ${text} }\n`).general;
}
function sync(text: string): SyncConfig {
  const config = parse(`Sync { ${text} }\n`);
  if (config.mode !== 'sync') throw new Error('not in sync mode');
  return config.sync;
}
function filter(text: string) {
  return general(`Filter { ${text} }`).filter;
}
/** Each warning as `line:column message`, with a star if C prints it too whenever it reads the file. */
function warnings(text: string): string[] {
  return parseConfig(text, 'test.conf').warnings.map(
    ({ line, column, message, when }) => `${line}:${column}${when === 'read' ? '*' : ''} ${message}`,
  );
}

describe('an empty file', () => {
  it('means statistics mode with the defaults, and a warning', () => {
    expect(parse('')).toEqual({
      mode: 'stats',
      general: {
        hashSize: 65536,
        hashLimit: 262144,
        logFile: undefined,
        syslogFacility: undefined,
        lockFile: '/var/lock/conntrackd.lock',
        unix: { path: undefined },
        netlink: { bufferSize: 0, bufferSizeMaxGrowth: 0, overrunResync: 30, eventsReliable: false },
        eventIterationLimit: 100,
        pollSeconds: undefined,
        scheduler: { type: 'rr', priority: 99 },
        systemd: true,
        filter: undefined,
      },
      stats: { logFile: undefined, syslogFacility: undefined },
      helper: undefined,
    });
    expect(warnings('')).toEqual(['1:1 No running mode specified. Defaulting to statistics mode.']);
  });
});

describe('a Helper clause alone', () => {
  it('runs helpers and no other mode, without a warning', () => {
    const text = 'Helper { Type ftp inet tcp { QueueNum 3 } }';
    expect(parseConfig(text, 'x.conf').config).toMatchObject({
      mode: 'helper',
      helper: { helpers: [{ name: 'ftp' }] },
    });
    expect(warnings(text)).toEqual([]);
  });
});

describe('General', () => {
  it('sizes the caches and the netlink socket', () => {
    expect(
      general(`HashSize 8192 HashLimit 65535 NetlinkBufferSize 2097152 NetlinkBufferSizeMaxGrowth 4294967295
        NetlinkEventsReliable on EventIterationLimit 200 PollSecs 15`),
    ).toMatchObject({
      hashSize: 8192,
      hashLimit: 65535,
      netlink: { bufferSize: 2097152, bufferSizeMaxGrowth: 4294967295, eventsReliable: true },
      eventIterationLimit: 200,
      pollSeconds: 15,
    });
  });

  it('knows the old names of the netlink buffer', () => {
    expect(general('SocketBufferSize 1 SocketBufferSizeMaxGrown 2').netlink).toMatchObject({
      bufferSize: 1,
      bufferSizeMaxGrowth: 2,
    });
    expect(general('SocketBufferSizeMaxGrowth 3').netlink.bufferSizeMaxGrowth).toBe(3);
  });

  it('takes 0 for the default, as C does', () => {
    expect(general('HashSize 0 HashLimit 0 EventIterationLimit 0 NetlinkOverrunResync 0')).toEqual(
      general(''),
    );
  });

  it('lets a later value replace an earlier one', () => {
    expect(parse('General { HashSize 1 HashSize 2 }\nGeneral { HashSize 3 }\n').general.hashSize).toBe(3);
  });

  it('logs to the default file, to a named one, or nowhere', () => {
    expect(general('LogFile on').logFile).toBe('/var/log/conntrackd.log');
    expect(general('LogFile /var/log/x.log').logFile).toBe('/var/log/x.log');
    expect(general('LogFile off').logFile).toBeUndefined();
  });

  it('keeps a log file that was set before LogFile off, as C does', () => {
    expect(general('LogFile /var/log/x.log LogFile off').logFile).toBe('/var/log/x.log');
  });

  it('logs to a syslog facility', () => {
    expect(general('Syslog on').syslogFacility).toBe('daemon');
    expect(general('Syslog local3').syslogFacility).toBe('local3');
    expect(general('Syslog local3 Syslog off').syslogFacility).toBeUndefined();
    expect(general('Syslog local3 Syslog bogus').syslogFacility).toBe('local3');
  });

  it('names the lock file and the control socket', () => {
    expect(general('LockFile /run/x.lock UNIX { Path /run/x.ctl Backlog 20 }')).toMatchObject({
      lockFile: '/run/x.lock',
      unix: { path: '/run/x.ctl' },
    });
  });

  it('measures a path in bytes', () => {
    const path = `/${'\u00e4'.repeat(53)}`;
    expect(general(`UNIX { Path ${path}\n }`).unix.path).toBe(path);
    expect(() => general(`UNIX { Path ${path}a\n }`)).toThrow('Path is longer than 107 characters');
  });

  it('turns the resync after an overrun on, off, or to a number of seconds', () => {
    expect(general('NetlinkOverrunResync oN').netlink.overrunResync).toBe(30);
    expect(general('NetlinkOverrunResync no').netlink.overrunResync).toBe(-1);
    expect(general('NetlinkOverrunResync 7').netlink.overrunResync).toBe(7);
  });

  it('takes the highest real-time priority unless a scheduler is named', () => {
    expect(general('Scheduler { Type FIFO Priority 50 }').scheduler).toEqual({ type: 'fifo', priority: 50 });
    expect(general('Scheduler { Type rr }').scheduler).toEqual({ type: 'rr', priority: 0 });
    expect(general('Scheduler { Priority 50 }').scheduler).toEqual({ type: 'rr', priority: 99 });
  });

  it('can do without systemd', () => {
    expect(general('Systemd off').systemd).toBe(false);
  });
});

describe('Filter', () => {
  it('holds what it was given, from userspace unless configured otherwise', () => {
    expect(filter('')).toEqual({
      from: 'userspace',
      protocols: undefined,
      addresses: undefined,
      tcpStates: undefined,
    });
    expect(general('Filter From Userspace { }').filter?.from).toBe('userspace');
    expect(general('Filter From Kernelspace { }').filter?.from).toBe('kernelspace');
    expect(general('Filter From Kernelspace { } Filter { }').filter?.from).toBe('userspace');
  });

  it('takes protocols by keyword, name and alias', () => {
    expect(filter('Protocol Accept { UDP TCP SCTP icmp tcp }')?.protocols).toEqual({
      logic: 'accept',
      numbers: [1, 6, 17, 132],
    });
  });

  it('takes networks and single addresses of both families', () => {
    expect(
      filter(
        'Address Ignore { IPv4_address 127.0.0.1 IPv4_address 10.1.2.3/8 IPv6_address fe80::1/10 IPv6_address ::1 }',
      )?.addresses,
    ).toEqual({
      logic: 'ignore',
      networks: [
        { family: 4, bytes: Uint8Array.of(127, 0, 0, 1), prefix: 32 },
        { family: 4, bytes: Uint8Array.of(10, 0, 0, 0), prefix: 8 },
        { family: 6, bytes: Uint8Array.of(0xfe, 0x80, ...Array(14).fill(0)), prefix: 10 },
        { family: 6, bytes: Uint8Array.of(...Array(15).fill(0), 1), prefix: 128 },
      ],
    });
  });

  it('takes a repeated network once', () => {
    const text = 'Address Ignore { IPv4_address 10.0.0.1 IPv4_address 10.0.0.1/32 IPv4_address 10.0.0.01 }';
    expect(filter(text)?.addresses?.networks).toHaveLength(1);
  });

  it('takes TCP states in one or several groups', () => {
    const all = 'SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE LISTEN for TCP';
    expect(filter(`State Accept { ${all} }`)?.tcpStates).toEqual({
      logic: 'accept',
      states: [1, 2, 3, 4, 5, 6, 7, 8, 9],
    });
    expect(filter('State Ignore { CLOSED for TCP for TCP ESTABLISHED for TCP }')?.tcpStates).toEqual({
      logic: 'ignore',
      states: [3, 8],
    });
  });

  it('keeps an empty list: Accept then accepts nothing', () => {
    expect(filter('Protocol Accept { }')?.protocols).toEqual({ logic: 'accept', numbers: [] });
    expect(filter('State Ignore { }')?.tcpStates).toEqual({ logic: 'ignore', states: [] });
  });

  it('adds up over several clauses, and the last logic holds', () => {
    const text = 'General { Filter { Protocol Accept { TCP } Protocol Ignore { UDP } } }\nStats { }\n';
    expect(parse(text).general.filter?.protocols).toEqual({ logic: 'ignore', numbers: [6, 17] });
    expect(warnings(text)).toEqual([
      '1:53 Protocol filter both Accept and Ignore, Ignore holds for both lists',
    ]);
  });
});

describe('Sync', () => {
  it('has C its defaults', () => {
    expect(sync(LINK)).toEqual({
      mode: 'ftfw',
      resendQueueSize: 131072,
      ackWindowSize: 300,
      commitTimeout: undefined,
      purgeTimeout: 60,
      refreshTime: 60,
      cacheTimeout: 180,
      disableInternalCache: false,
      disableExternalCache: false,
      startupResync: false,
      links: [
        {
          transport: 'udp',
          default: true,
          interface: 'veth0',
          family: 4,
          address: '10.0.0.1',
          destination: '10.0.0.2',
          port: 3780,
          sendBuffer: 0,
          receiveBuffer: 0,
          checksum: true,
          line: 1,
        },
      ],
      errorQueueLength: 128,
      options: { tcpWindowTracking: false, expectationSync: false },
    });
  });

  it('has a mode under its name or its old name, in any case', () => {
    const modes = ['FTFW', 'ftFW', 'nack', 'ALARM', 'PERSISTENT', 'notrack'];
    expect(modes.map((mode) => sync(`Mode ${mode} { } ${LINK}`).mode)).toEqual([
      'ftfw',
      'ftfw',
      'ftfw',
      'alarm',
      'alarm',
      'notrack',
    ]);
  });

  it('takes FTFW before ALARM before NOTRACK if there are several, as C does', () => {
    const text = `Sync {\nMode NOTRACK { }\nMode ALARM { }\n${LINK} }\n`;
    expect(parse(text)).toMatchObject({ sync: { mode: 'alarm' } });
    expect(warnings(text)).toEqual(['2:6 more than one Mode: NOTRACK beside ALARM, which holds']);
    expect(sync(`Mode ALARM { } Mode FTFW { } ${LINK}`).mode).toBe('ftfw');
  });

  it('reads FTFW', () => {
    const text = 'ResendQueueSize 1 ACKWindowSize 2 CommitTimeout 3 PurgeTimeout 4 StartupResync on';
    expect(sync(`Mode FTFW { ${text} } ${LINK}`)).toMatchObject({
      resendQueueSize: 1,
      ackWindowSize: 2,
      commitTimeout: 3,
      purgeTimeout: 4,
      startupResync: true,
    });
    expect(sync(`Mode FTFW { DisableExternalCache yes } ${LINK}`).disableExternalCache).toBe(true);
  });

  it('reads ALARM', () => {
    const text = 'RefreshTime 1 CacheTimeout 2 CommitTimeout 3 PurgeTimeout 4';
    expect(sync(`Mode ALARM { ${text} } ${LINK}`)).toMatchObject({
      refreshTime: 1,
      cacheTimeout: 2,
      commitTimeout: 3,
      purgeTimeout: 4,
    });
  });

  it('reads NOTRACK', () => {
    const text = 'DisableInternalCache on DisableExternalCache on StartupResync on PurgeTimeout 4';
    expect(sync(`Mode NOTRACK { ${text} } ${LINK}`)).toMatchObject({
      disableInternalCache: true,
      disableExternalCache: true,
      startupResync: true,
      purgeTimeout: 4,
    });
  });

  it('takes timers in Sync and in a Mode for the same, the later one holds', () => {
    expect(sync(`PurgeTimeout 5 Mode FTFW { PurgeTimeout 6 } ${LINK}`).purgeTimeout).toBe(6);
    expect(sync(`Mode FTFW { PurgeTimeout 6 } PurgeTimeout 5 ${LINK}`).purgeTimeout).toBe(5);
    expect(sync(`RefreshTime 1 CacheTimeout 2 CommitTimeout 3 ${LINK}`)).toMatchObject({
      refreshTime: 1,
      cacheTimeout: 2,
      commitTimeout: 3,
    });
  });

  it('drops CommitTimeout where there is no external cache', () => {
    const text = `Sync {\nCommitTimeout 9\nMode NOTRACK { DisableExternalCache on }\n${LINK} }\n`;
    expect(parse(text)).toMatchObject({ sync: { commitTimeout: undefined } });
    expect(warnings(text)).toEqual([
      "2:1* `CommitTimeout' can't be combined with `DisableExternalCache', ignoring this option. Fix your configuration file.",
    ]);
  });

  it('reads the options', () => {
    const options = (text: string) => sync(`Options { ${text} } ${LINK}`).options;
    expect(options('TCPWindowTracking on ExpectationSync on')).toEqual({
      tcpWindowTracking: true,
      expectationSync: true,
    });
    expect(options('ExpectationSync { ftp sip FTP h.323 }').expectationSync).toEqual(['ftp', 'sip', 'h.323']);
    expect(options('ExpectationSync { averyveryverylonghelper }').expectationSync).toEqual([
      'averyveryverylon',
    ]);
    expect(options('ExpectationSync { }').expectationSync).toBe(true);
    expect(options('ExpectationSync { ftp } ExpectationSync off').expectationSync).toBe(false);
    expect(options('ExpectationSync { ftp } ExpectationSync on').expectationSync).toEqual(['ftp']);
  });
});

describe('a link', () => {
  it('is multicast over IPv4', () => {
    const text = `Multicast { IPv4_address 225.0.0.50 Group 3780 IPv4_interface 192.168.100.100 Interface eth2.100
      SndSocketBuffer 1249280 RcvSocketBuffer 1249281 Checksum off }`;
    expect(sync(text).links).toEqual([
      {
        transport: 'multicast',
        default: true,
        group: '225.0.0.50',
        interfaceAddress: '192.168.100.100',
        interface: 'eth2.100',
        family: 4,
        port: 3780,
        sendBuffer: 1249280,
        receiveBuffer: 1249281,
        checksum: false,
        line: 1,
      },
    ]);
  });

  it('is multicast over IPv6', () => {
    const text = 'Multicast { Interface sync-0 IPv6_address FF02:0::0050 Group 3780 IPv6_interface fe80::1 }';
    expect(sync(text).links).toMatchObject([
      {
        transport: 'multicast',
        family: 6,
        group: 'ff02::50',
        interface: 'sync-0',
        interfaceAddress: undefined,
      },
    ]);
  });

  it('is TCP over IPv6, with a queue for what could not be sent', () => {
    const text = `TCP { IPv6_address fe80::1 IPv6_Destination_Address fe80::2 Port 3780 Interface eth2 ErrorQueueLength 7 }`;
    expect(sync(text)).toMatchObject({
      links: [{ transport: 'tcp', family: 6, address: 'fe80::1', destination: 'fe80::2', port: 3780 }],
      errorQueueLength: 7,
    });
  });

  it('listens on every address if it is given none, as in C', () => {
    const text = 'Sync { Mode FTFW { }\nUDP { Interface eth2 IPv6_Destination_Address fe80::2 Port 1 } }\n';
    expect(parse(text)).toMatchObject({
      sync: { links: [{ address: '::', destination: 'fe80::2', line: 2 }] },
    });
    expect(warnings(text)).toEqual([
      "2:1 `UDP' link without `IPv6_address': it listens on every address of this machine",
    ]);
  });

  it('leaves the interface to the routing table if it is given no address of it, as in C', () => {
    const text = 'Sync { Mode FTFW { }\nMulticast { Interface eth2 IPv4_address 225.0.0.50 Group 1 } }\n';
    expect(warnings(text)).toEqual([
      "2:1 `Multicast' link without `IPv4_interface': the routing table chooses the interface",
    ]);
  });

  it('is the default if it is the last one called so, or else the first', () => {
    const named = LINK.replace('UDP', 'UDP Default');
    const defaults = (text: string) => sync(text).links.map((link) => link.default);
    expect(defaults(`${LINK} ${LINK} ${LINK}`)).toEqual([true, false, false]);
    expect(defaults(`${LINK} ${named} ${LINK}`)).toEqual([false, true, false]);
    expect(defaults(`${named} ${named} ${LINK} ${LINK}`)).toEqual([false, true, false, false]);
  });

  it('knows its line', () => {
    expect(sync(`\n${LINK}\n${LINK}`).links.map((link) => link.line)).toEqual([2, 3]);
  });
});

describe('Stats', () => {
  it('logs to the default file, a named one, or a syslog facility', () => {
    const stats = (text: string) => {
      const config = parse(`Stats { ${text} }\n`);
      return config.mode === 'stats' ? config.stats : undefined;
    };
    expect(stats('LogFile on')).toEqual({
      logFile: '/var/log/conntrackd-stats.log',
      syslogFacility: undefined,
    });
    expect(stats('LogFile /var/log/s Syslog local1')).toEqual({
      logFile: '/var/log/s',
      syslogFacility: 'local1',
    });
    expect(stats('LogFile off Syslog on')).toEqual({ logFile: undefined, syslogFacility: 'daemon' });
  });
});

describe('Helper', () => {
  const helper = (text: string) => parse(`Stats { } Helper { ${text} }\n`).helper;

  it('sets a helper up with its own policy', () => {
    expect(helper('Setup on Type ftp inet tcp { QueueNum 3 QueueLen 10240 }')).toEqual({
      setup: true,
      helpers: [
        {
          name: 'ftp',
          family: 4,
          transport: 'tcp',
          queueNum: 3,
          queueLen: 10240,
          policy: { name: 'ftp', expectMax: 1, expectTimeout: 300 },
          line: 1,
        },
      ],
    });
  });

  it('takes a policy for all clauses of that helper, and leaves at 0 what it does not set', () => {
    const policies = helper(
      'Type rpc inet tcp { Policy rpc { ExpectMax 9 } } Type rpc inet6 tcp { } Type rpc inet udp { }',
    )?.helpers.map(({ policy }) => policy);
    const changed = { name: 'rpc', expectMax: 9, expectTimeout: 0 };
    expect(policies).toEqual([changed, changed, { name: 'rpc', expectMax: 1, expectTimeout: 300 }]);
  });

  it('takes the first of two settings in one Type, and settings before it, as C does', () => {
    expect(helper('QueueNum 7 } Helper { Type ftp inet tcp { }')?.helpers).toMatchObject([{ queueNum: 7 }]);
    expect(helper('QueueLen 5 Type ftp inet tcp { QueueNum 1 QueueNum 2 }')?.helpers).toMatchObject([
      { queueNum: 1, queueLen: 5 },
    ]);
  });
});

describe('a warning', () => {
  it.each([
    ['General {\n Syslog kern }\n', "2:9* 'kern' is not a known syslog facility, ignoring"],
    ['Stats {\n Syslog kern }\n', "2:9* 'kern' is not a known syslog facility, ignoring."],
    [
      'General { Syslog local1 }\nStats { Syslog local2 }\n',
      '2:16* conflicting Syslog facility values, defaulting to General',
    ],
    ['General { UNIX { Backlog 5 } }\n', '1:18* deprecated unix backlog configuration, ignoring.'],
    [
      'General { Nice -20 }\n',
      '1:11* deprecated nice configuration, ignoring. The nice value can be set externally with nice(1) and renice(1).',
    ],
    [
      'General { Filter { Protocol Ignore { bogus } } }\n',
      "1:38* getprotobyname() cannot find protocol `bogus' in /etc/protocols",
    ],
    [
      'General { Filter { Protocol Ignore { mptcp } } }\n',
      "1:38 protocol `mptcp' has the number 262, no packet carries it, ignoring",
    ],
    [
      'General { Filter { Address Ignore { IPv4_address 10.0.0.0/33 } } }\n',
      '1:50* 10.0.0.0/33 is not a valid network, ignoring',
    ],
    [
      'General { Filter { Address Ignore { IPv4_address 10.0.0.256 } } }\n',
      '1:50* 10.0.0.256 is not a valid IPv4, ignoring',
    ],
    [
      'General { Filter { Address Ignore { IPv6_address beef } } }\n',
      '1:50* beef is not a valid IPv6, ignoring',
    ],
    [
      'General { Filter { Address Ignore { IPv4_address 10.0.0.0/8\nIPv4_address 10.0.0.0/8 } } }\n',
      '2:14* netmask 10.0.0.0 is repeated in the ignore pool',
    ],
    [
      'General { Filter { Address Ignore { IPv6_address fe80::/10\nIPv6_address fe80::/10 } } }\n',
      '2:14 netmask fe80:: is repeated in the ignore pool',
    ],
    [
      'General { Filter { Address Ignore { IPv4_address 10.0.0.1\nIPv4_address 10.0.0.1 } } }\n',
      '2:14 IP 10.0.0.1 is repeated in the ignore pool',
    ],
    [
      'General { LockFile /run/x\t\n}\n',
      '1:20 LockFile path /run/x\\x09 holds a control character; only a space or a newline ends a path',
    ],
  ])('for %j', (text, warning) => {
    expect(warnings(text.includes('Stats') ? text : `${text}Stats { }\n`)).toEqual([warning]);
  });

  it.each([
    [`Sync { ${LINK} }\n`, '1:1 No synchronization mode specified. Defaulting to FT-FW mode.'],
    [
      `Sync { Mode nack { } ${LINK} }\n`,
      "1:13* Now `nack' mode is called `ftfw'. Please, update your conntrackd.conf file.",
    ],
    [
      `Sync { Mode PERSISTENT { } ${LINK} }\n`,
      "1:13* Now `persistent' mode is called `alarm'. Please, update your conntrackd.conf file.",
    ],
    [
      'Sync { Mode FTFW { }\nUDP { Interface eth2 IPv4_address 10.0.0.1 IPv4_address 10.0.0.1/8 IPv4_Destination_Address 10.0.0.2 Port 1 } }\n',
      '2:57* 10.0.0.1/8 is not a valid IPv4 address',
    ],
    [
      'Sync { Mode FTFW { }\nMulticast { Interface eth2 IPv6_interface fe80::1 IPv6_address ff02::50 Group 1 } }\n',
      "2:28* `IPv6_interface' not required, ignoring",
    ],
  ])('for %j', (text, warning) => {
    expect(warnings(text)).toEqual([warning]);
  });

  it('comes at most a thousand times', () => {
    expect(warnings(`General { ${'Nice -1 '.repeat(2000)} }\n`)).toHaveLength(1000);
  });
});

describe("files like Debian's examples", () => {
  const GENERAL = `
General {
	# a comment
	HashSize 32768
	HashLimit 131072
	LogFile on
	LockFile /var/lock/conntrack.lock
	UNIX {
		Path /var/run/conntrackd.ctl
	}
	NetlinkBufferSize 2097152
	NetlinkBufferSizeMaxGrowth 8388608
	Filter From Userspace {
		Protocol Accept {
			TCP
			SCTP
			DCCP
		}
		Address Ignore {
			IPv4_address 127.0.0.1 # loopback
			IPv4_address 192.168.0.100
		}
	}
}
`;
  const MULTICAST = `
	Multicast {
		IPv4_address 225.0.0.50
		Group 3780
		IPv4_interface 192.168.100.100
		Interface eth2
		SndSocketBuffer 1249280
		RcvSocketBuffer 1249280
		Checksum on
	}
`;

  it.each([
    ['ftfw', 'Mode FTFW {\n\t}'],
    ['notrack', 'Mode NOTRACK {\n\t}'],
    ['alarm', 'Mode ALARM {\n\tRefreshTime 15\n\tCacheTimeout 180\n\t}'],
  ])('for %s are read without a warning', (mode, clause) => {
    const text = `Sync {\n\t${clause}\n${MULTICAST}}\n${GENERAL}`;
    expect(warnings(text)).toEqual([]);
    expect(parse(text)).toMatchObject({
      mode: 'sync',
      sync: { mode, links: [{ transport: 'multicast', group: '225.0.0.50', checksum: true }] },
      general: {
        logFile: '/var/log/conntrackd.log',
        unix: { path: '/var/run/conntrackd.ctl' },
        filter: { protocols: { logic: 'accept', numbers: [6, 33, 132] } },
      },
    });
  });

  it('for statistics are read without a warning', () => {
    const text = `${GENERAL}\nStats {\n\tLogFile on\n}\n`;
    expect(warnings(text)).toEqual([]);
    expect(parse(text)).toMatchObject({ mode: 'stats', stats: { logFile: '/var/log/conntrackd-stats.log' } });
  });
});
