// Tables of configurations that the C program and ours check in config-differential.test.ts.

const LINK = 'UDP { Interface veth0 IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Port 3780 }';
const MULTICAST = 'Multicast { IPv4_address 225.0.0.50 Group 3780 IPv4_interface 10.0.0.1 Interface veth0 }';

function general(text: string): string {
  return `General { ${text} }\n`;
}
function sync(text: string): string {
  return `Sync { ${text} ${LINK} }\n`;
}
function udp(text: string): string {
  return `Sync { UDP { Interface veth0 IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Port 3780 ${text} } }\n`;
}
function multicast(text: string): string {
  return `Sync { Multicast { IPv4_address 225.0.0.50 Group 3780 IPv4_interface 10.0.0.1 Interface veth0 ${text} } }\n`;
}
function filter(text: string): string {
  return general(`Filter { ${text} }`);
}
function helper(text: string): string {
  return `Helper { ${text} }\n`;
}
function characters(count: number): string {
  return 'a'.repeat(count);
}

/** Both must accept with the same warnings, or both must refuse. */
export const AGREED: readonly string[] = [
  '',
  '\n\n\t \r\n',
  '# only a comment\n',
  '# a comment cut short',
  `${general('')}# a comment cut short`,
  '# \u00e4\u00f6 \0 in a comment\n',
  general('\u00e4'),
  'General {',
  'General }\n',
  'General { } }\n',
  '{ }\n',
  'general { }\n',
  'General{HashSize 1HashLimit 2}',
  'General { } General { HashSize 2 }\n',
  general('HashSize 8192 HashLimit 65535'),
  general('HashSize'),
  general('HashSize -5'),
  general('HashSize +5'),
  general('HashSize 0x10'),
  general('HashSize 12a'),
  general('HashSize 10.0.0.1'),
  general('HashSize 0'),
  general('NetlinkBufferSize 4294967295 NetlinkBufferSizeMaxGrowth 3000000000'),
  general('SocketBufferSize 1 SocketBufferSizeMaxGrown 2 SocketBufferSizeMaxGrowth 3'),
  general('LogFile on LogFile off LogFile YES LogFile nO LogFile oN LogFile OFF'),
  general('LogFile /var/log/x '),
  general('LogFile /var/log/x\t'),
  general('LogFile "/var/log/x"'),
  general('LogFile var'),
  'General { LogFile /tmp/x}\n',
  'General { LogFile /tmp/x\r\n}\r\n',
  'General { LogFile /tmp/x\rHashSize 1 }\n',
  general('LogFile / '),
  general(`LogFile /${characters(255)} `),
  general(`LogFile /${characters(256)} `),
  general(`LockFile /${characters(255)} `),
  general(`LockFile /${characters(256)} `),
  general(`UNIX { Path /${characters(106)} }`),
  general(`UNIX { Path /${characters(107)} }`),
  general('UNIX { Backlog 20 }'),
  general('UNIX { }'),
  general('UNIX'),
  general('Syslog on Syslog off Syslog daemon Syslog local0 Syslog local7'),
  general('Syslog local8'),
  general('Syslog DAEMON'),
  general('Syslog local0 Syslog kern'),
  `${general('Syslog local0')}Stats { Syslog local1 }\n`,
  `Stats { Syslog local1 }\n${general('Syslog local2')}`,
  `Stats { Syslog local1 }\n${general('Syslog on')}`,
  `${general('Syslog local0')}Stats { Syslog local0 Syslog bogus }\n`,
  'Stats { LogFile on LogFile off LogFile /var/log/stats Syslog no }\n',
  `Stats { LogFile /${characters(256)} }\n`,
  'Stats { HashSize 1 }\n',
  'Stats { } Stats { }\n',
  general('Nice -20'),
  general('Nice +5'),
  general('Nice 5'),
  general('Scheduler { Type RR Priority 99 Type Fifo Priority 0 }'),
  general('Scheduler { Type other }'),
  general('Scheduler { Priority 100 }'),
  general('Scheduler { Priority -1 }'),
  general('Scheduler { }'),
  general('Systemd on Systemd off'),
  general('PollSecs 15'),
  general('PollSecs 0'),
  general('NetlinkOverrunResync on NetlinkOverrunResync OFF NetlinkOverrunResync 7'),
  general('NetlinkOverrunResync -1'),
  general('NetlinkEventsReliable yes EventIterationLimit 100'),
  general('CommitTimeout 5'),
  filter(''),
  general('Filter From Userspace { } Filter From Kernelspace { }'),
  general('Filter From { }'),
  general('Filter from Userspace { }'),
  filter('Protocol Accept { TCP UDP ICMP icmp IPv6-ICMP ax.25 CPHB UDPLite sctp SCTP DCCP }'),
  filter('Protocol Accept { Icmp tcp udp bogus }'),
  filter('Protocol Ignore { fc }'),
  filter('Protocol Ignore { FC }'),
  filter('Protocol Ignore { mptcp }'),
  filter('Protocol Ignore { 6 }'),
  filter('Protocol Ignore { }'),
  filter('Protocol { TCP }'),
  filter(
    'Address Accept { IPv4_address 10.0.0.0/8 IPv4_address 10.0.0.1 IPv6_address fe80::/10 IPv6_address ::1 }',
  ),
  filter('Address Accept { IPv4_address 10.0.0.0/8 IPv4_address 10.0.0.0/8 IPv4_address 10.1.0.0/8 }'),
  filter('Address Ignore { IPv4_address 10.0.0.1 IPv4_address 10.0.0.1 IPv4_address 10.0.0.1/32 }'),
  filter('Address Ignore { IPv6_address fe80::/10 IPv6_address fe80::/10 }'),
  filter('Address Ignore { IPv4_address 1.2.3.4/33 IPv6_address ::/129 IPv4_address 0.0.0.0/0 }'),
  filter(
    'Address Ignore { IPv4_address 300.1.1.1 IPv4_address 08.0.0.1 IPv4_address 010.0.0.1 IPv4_address 0777.0.0.1 }',
  ),
  filter('Address Ignore { IPv4_address fe80::1 IPv6_address 1.2.3.4 IPv6_address beef IPv4_address beef }'),
  filter(
    'Address Ignore { IPv6_address 1:2:3:4:5:6:7:8 IPv6_address 1:2:3:4:5:6:7:: IPv6_address ::2:3:4:5:6:7:8 }',
  ),
  filter('Address Ignore { IPv6_address 1:2:3:4:5:6:7:8:: }'),
  filter('Address Ignore { IPv6_address 1:2:3:4:5:6:7:8:9 }'),
  filter('Address Ignore { IPv6_address 12345:: IPv6_address a:::b IPv6_address 1::2: }'),
  filter('Address Ignore { IPv6_address 1::2::3 }'),
  filter('Address Ignore { IPv6_address ::ffff:1.2.3.4 }'),
  filter('Address Ignore { IPv6_address 12/24 IPv4_address 12/24 IPv6_address :: }'),
  filter('Address Ignore { IPv4_address 10.0.0.1/ }'),
  filter('Address Ignore { IPv4_address 10.0.0 }'),
  filter('Address Ignore { IPv4_address 10 }'),
  filter('Address Ignore { 10.0.0.1 }'),
  filter('Address Ignore { IPv6_address ::/0 }'),
  filter('Address Ignore { IPv4_address 12/24 IPv4_address 010/24 IPv4_address 09/24 IPv4_address 9999/3 }'),
  filter('State Accept { ESTABLISHED CLOSED TIME_WAIT CLOSE_WAIT for TCP }'),
  filter('State Ignore { SYN_SENT SYN_RECV FIN_WAIT LAST_ACK CLOSE LISTEN for TCP ESTABLISHED for TCP }'),
  filter('State Accept { for TCP for TCP }'),
  filter('State Accept { }'),
  filter('State Accept { ESTABLISHED }'),
  filter('State Accept { ESTABLISHED for UDP }'),
  filter('State Accept { established for TCP }'),
  sync(''),
  sync('Mode FTFW { }'),
  sync('Mode ftfw { } Mode NoTrack { } Mode alarm { }'),
  sync('Mode NACK { }'),
  sync('Mode PERSISTENT { }'),
  sync('Mode persistent { }'),
  sync('Mode persistenT { }'),
  sync('Mode FTFW'),
  sync('Mode BOGUS { }'),
  sync('Mode FTFW { ResendQueueSize 1 ACKWindowSize 2 CommitTimeout 3 PurgeTimeout 4 StartupResync on }'),
  sync('Mode FTFW { DisableInternalCache on }'),
  sync('Mode FTFW { RefreshTime 5 }'),
  sync('Mode ALARM { RefreshTime 15 CacheTimeout 180 CommitTimeout 3 PurgeTimeout 4 }'),
  sync('Mode ALARM { DisableExternalCache on }'),
  sync('Mode ALARM { StartupResync on }'),
  sync('Mode NOTRACK { DisableInternalCache on DisableExternalCache off StartupResync no PurgeTimeout 3 }'),
  sync('Mode NOTRACK { CommitTimeout 180 DisableExternalCache on }'),
  sync('CommitTimeout 180 Mode NOTRACK { DisableExternalCache on }'),
  sync('CommitTimeout 0 Mode NOTRACK { DisableExternalCache on }'),
  sync('Mode NOTRACK { ResendQueueSize 3 }'),
  sync('RefreshTime 1 CacheTimeout 2 CommitTimeout 3 PurgeTimeout 4'),
  sync('StartupResync on'),
  sync('ResendQueueSize 4'),
  sync('Options { }'),
  sync('Options { TCPWindowTracking on ExpectationSync on }'),
  sync('Options { ExpectationSync { ftp FTP sip h.323 } ExpectationSync off }'),
  sync('Options { ExpectationSync { } }'),
  sync('Options { ExpectationSync { TCP } }'),
  sync('Options { ExpectationSync ftp }'),
  sync('Options { ExpectationSync { 3 } }'),
  sync('Options { TCPWindowTracking }'),
  'Sync { } Stats { }\n',
  'Stats { } Sync { }\n',
  `Sync { ${LINK} } Sync { Mode FTFW { } }\n`,
  `Sync { ${LINK} ${LINK} ${LINK} ${LINK} }\n`,
  `Sync { ${LINK} ${LINK} ${LINK} ${LINK} ${LINK} }\n`,
  `Sync { ${LINK} ${MULTICAST} }\n`,
  `Sync { ${MULTICAST} ${LINK.replace('UDP', 'TCP')} }\n`,
  `Sync { ${LINK.replace('UDP', 'UDP Default')} ${LINK.replace('UDP', 'UDP Default')} }\n`,
  `Sync { ${LINK.replace('UDP', 'UDP default')} }\n`,
  udp('SndSocketBuffer 1 RcvSocketBuffer 2 Checksum on Checksum OFF Interface eth2.100 Interface sync-0'),
  udp('IPv4_address 10.0.0.1/24'),
  udp('Interface TCP'),
  udp('Interface on'),
  udp('Interface alarm'),
  udp('Interface e0'),
  udp('Interface cafe1'),
  udp('Interface 2eth'),
  udp('Interface veth0:1'),
  udp('Port 3780 Port 1 Port 65535'),
  udp('Port on'),
  udp('Group 3'),
  udp('ErrorQueueLength 3'),
  udp('IPv4_interface 10.0.0.1'),
  `Sync { ${LINK.replace('UDP', 'TCP').replace('}', 'ErrorQueueLength 3 }')} }\n`,
  multicast('IPv6_interface fe80::1 Checksum no SndSocketBuffer 3'),
  multicast('IPv4_interface 10.0.0.300'),
  multicast('Port 3780'),
  multicast('IPv4_Destination_Address 10.0.0.2'),
  'Sync { Multicast { IPv6_address ff02::50 Group 3780 Interface veth0 IPv6_interface fe80::1 } }\n',
  helper(
    'Setup on Type ftp inet tcp { QueueNum 0 QueueLen 10240 Policy ftp { ExpectMax 1 ExpectTimeout 300 } }',
  ),
  helper('Type rpc inet tcp { QueueNum 1 } Type rpc inet6 udp { QueueNum 2 } Setup off'),
  helper(
    [
      'amanda udp',
      'dhcpv6 udp',
      'mdns udp',
      'sane tcp',
      'slp udp',
      'ssdp udp',
      'ssdp tcp',
      'tftp udp',
      'tns tcp',
    ]
      .map((entry) => entry.split(' '))
      .map(([name, transport]) => `Type ${name} inet ${transport} { }`)
      .join(' '),
  ),
  helper('Type ftp inet udp { }'),
  helper('Type bogus inet tcp { }'),
  helper('Type ftp ipv4 tcp { }'),
  helper('Type ftp inet sctp { }'),
  helper('Type ftp inet TCP { }'),
  helper('Type ftp inet tcp { Policy ftp { } }'),
  helper('Type ftp inet tcp { Policy bogus { ExpectMax 1 } }'),
  helper(`Type ftp inet tcp { Policy ${characters(17)}z { ExpectMax 1 } }`),
  helper('QueueNum 1 QueueLen 2 Policy ftp { ExpectMax 2 } Type ftp inet tcp { }'),
  helper('Type ftp inet tcp { Type rpc inet tcp { QueueNum 3 } QueueNum 4 }'),
  helper('Type ftp inet tcp { Setup on }'),
  helper('Policy bogus { ExpectMax 1 }'),
  helper(''),
  'UDP { }\n',
];

/** Where C accepts and this program refuses, with its message, and why. */
export const STRICTER: readonly { readonly text: string; readonly message: string; readonly why: string }[] =
  [
    {
      text: general('HashSize 99999999999'),
      message: "test.conf:1:20: `99999999999' is too large for `HashSize', the limit is 2147483647",
      why: 'C keeps the lower 32 bits of a number',
    },
    {
      text: general('NetlinkBufferSize 4294967296'),
      message: "test.conf:1:29: `4294967296' is too large for `NetlinkBufferSize', the limit is 4294967295",
      why: 'C keeps the lower 32 bits of a number, here 0',
    },
    {
      text: general('Systemd |N'),
      message: "test.conf:1:19: found `|', expected one of `on', `off'",
      why: "C's patterns take a bar for any letter of on, off, yes and no by mistake",
    },
    {
      text: `${general('')} \u00e4\u00f6\nGeneral { HashSize none }\n`,
      message:
        "test.conf:2:2: found `\u00e4', expected one of `General', `Sync', `Stats', `Helper', end of file",
      why: 'C takes a byte above 127 for the end of the file, and does not read on',
    },
    {
      text: `${general('')} \0\nGeneral { HashSize none }\n`,
      message:
        "test.conf:2:2: found `\\x00', expected one of `General', `Sync', `Stats', `Helper', end of file",
      why: 'C takes a zero byte for the end of the file, and does not read on',
    },
    {
      text: 'General { LockFile /tmp/\ufffd\n}\n',
      message: 'test.conf:1:20: LockFile path holds bytes that are not text',
      why: 'bytes that are no UTF-8 cannot be kept in a string',
    },
    {
      text: 'Sync { }\n',
      message:
        "test.conf:1:1: found a `Sync' clause without a link, expected one of `Multicast', `UDP', `TCP'",
      why: 'the C daemon then fails to start without saying why',
    },
    {
      text: 'Sync { UDP { IPv4_Destination_Address 10.0.0.2 Port 3780 } }\n',
      message: "test.conf:1:8: found a `UDP' link that lacks an option, expected `Interface'",
      why: 'the C daemon then fails to start without saying why',
    },
    {
      text: 'Sync { UDP { Interface veth0 IPv4_address 10.0.0.1 Port 3780 } }\n',
      message:
        "test.conf:1:8: found a `UDP' link that lacks an option, " +
        "expected one of `IPv4_Destination_Address', `IPv6_Destination_Address'",
      why: 'the C daemon starts and sends to 0.0.0.0, that is to itself',
    },
    {
      text: 'Sync { TCP { Interface veth0 IPv4_Destination_Address 10.0.0.2 } }\n',
      message: "test.conf:1:8: found a `TCP' link that lacks an option, expected `Port'",
      why: 'the C daemon starts and uses port 0',
    },
    {
      text: 'Sync { Multicast { Interface veth0 IPv4_address 225.0.0.50 } }\n',
      message: "test.conf:1:8: found a `Multicast' link that lacks an option, expected `Group'",
      why: 'the C daemon starts and uses port 0',
    },
    {
      text: 'Sync { Multicast { Interface veth0 Group 3780 } }\n',
      message:
        "test.conf:1:8: found a `Multicast' link that lacks an option, expected one of `IPv4_address', `IPv6_address'",
      why: 'the C daemon then fails to start without saying why',
    },
    {
      text: 'Sync { Multicast { Interface veth0 Group 3780 IPv4_address 10.0.0.1 } }\n',
      message: "test.conf:1:60: `10.0.0.1' is not a multicast address",
      why: 'the C daemon then fails to start without saying why',
    },
    {
      text: 'Sync { UDP { Interface veth0 Port 3780 IPv4_Destination_Address 10.0.0.2/24 } }\n',
      message: 'test.conf:1:65: 10.0.0.2/24 is not a valid IPv4 address',
      why: 'C warns, and then has no destination',
    },
    {
      text: udp('Port 65536'),
      message: "test.conf:1:101: `65536' is too large for `Port', the limit is 65535",
      why: 'C keeps the lower 16 bits of a port',
    },
    {
      text: udp('Port 0'),
      message: "test.conf:1:101: `Port' must be [1, 65535]",
      why: 'port 0 is any port to the kernel',
    },
    {
      text: udp('IPv6_address fe80::1'),
      message: 'test.conf:1:109: the IPv6 address fe80::1 stands in an IPv4 link',
      why: 'C takes the last family for both, and reads the other address as one of it',
    },
    {
      text: multicast('IPv6_address ff02::1'),
      message: 'test.conf:1:108: the IPv6 address ff02::1 stands in an IPv4 link',
      why: 'C warns, and has overwritten the address already',
    },
    {
      text: udp('Interface sixteencharacter'),
      message: "test.conf:1:106: an interface's name has at most 15 characters, `sixteencharacter' has 16",
      why: 'the kernel knows no such name, and C forgets the end of the string',
    },
    {
      text: helper('Type ftp inet tcp { QueueNum 65536 }'),
      message: "test.conf:1:39: `65536' is too large for `QueueNum', the limit is 65535",
      why: 'netfilter numbers its queues with 16 bits',
    },
    {
      text: helper(`${'Type ftp inet tcp { '.repeat(17)}${'}'.repeat(17)}`),
      message: "test.conf:1:330: more than 16 `Type' clauses inside one another",
      why: 'a limit on everything',
    },
  ];
