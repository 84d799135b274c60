// Captures what real C nodes put on the wire, for vendor-fixtures/wire. Run as root:
//
//   npm run build && node dist/sim/netns/capture-wire.js [directory]
//
// It writes one JSON file a theme to the directory, vendor-fixtures/wire unless given.

import { mkdir, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Flag, flagsOf, lengthOf, MessageType, sequenceOf, typeOf } from '../../src/wire/header.ts';
import { ADDRESSES, type ConfigurationOptions, cProgram, type Lab, missingForLab, withLab } from './lab.ts';
import { run } from './process.ts';
import { openTcpConnection, startEchoServer } from './traffic.ts';
import { startWirePeer, type WirePeer } from './wire-peer.ts';

export interface Fixture {
  readonly name: string;
  readonly note: string;
  readonly hex: string;
}

/** A theme's captures as they lie in its file. */
export interface FixtureFile {
  readonly captured: string;
  readonly datagrams: readonly Fixture[];
}

const KINDS: Readonly<Record<number, string>> = {
  [MessageType.CT_NEW]: 'new',
  [MessageType.CT_UPD]: 'upd',
  [MessageType.CT_DEL]: 'del',
  [MessageType.EXP_NEW]: 'exp-new',
  [MessageType.EXP_UPD]: 'exp-upd',
  [MessageType.EXP_DEL]: 'exp-del',
};

/** The kinds of a datagram's messages: `new`, `ack+nack`, `alive-hello`; more than four as their number. */
function kindsOf(datagram: Uint8Array): string {
  const kinds: string[] = [];
  for (let at = 0; at < datagram.length; at += lengthOf(datagram, at)) {
    const flags = flagsOf(datagram, at);
    const words = [KINDS[typeOf(datagram, at)] ?? ''];
    for (const [word, bit] of Object.entries(Flag)) {
      if (flags & bit) words.push(word.toLowerCase().replace('_', '-'));
    }
    kinds.push(words.filter((word) => word !== '').join('-'));
  }
  return kinds.length <= 4 ? kinds.join('+') : `${kinds.length}-messages`;
}

const isAlive = (datagram: Uint8Array) =>
  typeOf(datagram, 0) === MessageType.CONTROL && (flagsOf(datagram, 0) & Flag.ALIVE) !== 0;

/** Collects the datagrams of a theme step by step. */
class Recorder {
  readonly fixtures: Fixture[] = [];
  readonly peer: WirePeer;
  readonly lab: Lab;
  private readonly keepsAlive: boolean;
  private readonly quiet: number;
  private taken = 0;

  constructor(lab: Lab, peer: WirePeer, { keepsAlive = false, quiet = 150 }: Theme) {
    this.lab = lab;
    this.peer = peer;
    this.keepsAlive = keepsAlive;
    this.quiet = quiet;
  }

  /** Does something that makes the node speak, and keeps what it says under this name. */
  async step(name: string, note: string, work: () => Promise<unknown> | unknown): Promise<number> {
    this.taken = this.peer.heard.length;
    await work();
    await this.peer.settle(this.quiet);
    const fresh = this.peer.heard
      .slice(this.taken)
      .filter((datagram) => this.keepsAlive || !isAlive(datagram));
    for (const datagram of fresh) {
      const base = `${name}.${kindsOf(datagram)}`;
      let unique = base;
      for (let n = 2; this.fixtures.some((known) => known.name === unique); n++) unique = `${base}-${n}`;
      this.fixtures.push({ name: unique, note, hex: datagram.toString('hex') });
    }
    return fresh.length;
  }

  /** As `step`, but it is an error if the node says nothing. */
  async must(name: string, note: string, work: () => Promise<unknown> | unknown): Promise<void> {
    if ((await this.step(name, note, work)) === 0) throw new Error(`${name}: the node sent nothing`);
  }

  /** A flow's life made by `conntrack`: begins, changes, ends. */
  async life(name: string, make: string, key: string, change = '-m 77'): Promise<void> {
    const conntrack = (words: string) => this.lab.a.conntrack(...words.split(/\s+/));
    await this.must(name, `conntrack -I ${make}`, () => conntrack(`-I ${make}`));
    await this.must(name, `conntrack -U ${key} ${change}`, () => conntrack(`-U ${key} ${change}`));
    await this.must(name, `conntrack -D ${key}`, () => conntrack(`-D ${key}`));
  }
}

interface Theme {
  readonly name: string;
  readonly configuration: ConfigurationOptions;
  /** Which configuration it is, in words. */
  readonly options: string;
  readonly keepsAlive?: boolean;
  /** Milliseconds without a datagram that end a step; 150 unless given. */
  readonly quiet?: number;
  work(recorder: Recorder): Promise<void>;
}

const noTrack = (options: readonly string[] = [], mode: readonly string[] = []): ConfigurationOptions => ({
  mode: 'NOTRACK',
  inMode: mode,
  ...(options.length === 0 ? {} : { inOptions: options }),
});

const V4 = `-s ${ADDRESSES.client.v4} -d ${ADDRESSES.server.v4}`;
const V6 = `-s ${ADDRESSES.client.v6} -d ${ADDRESSES.server.v6}`;
const BOTH = [
  ['4', V4],
  ['6', V6],
] as const;

let nextPort = 20_000;

/** Begins, exchanges a line and ends: from the firewall itself, or from the client behind it. */
async function connection(lab: Lab, from: 'firewall' | 'client', family: 4 | 6, port: number): Promise<void> {
  const opened = await openTcpConnection({
    client: from === 'firewall' ? lab.a.namespace : lab.client,
    server: lab.server,
    address: ADDRESSES.server[`v${family}`],
    port,
    localPort: nextPort++,
  });
  await opened.exchange();
  await opened.close();
}

const tcp: Theme = {
  name: 'tcp',
  configuration: noTrack([], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }',
  async work(recorder) {
    const states = 'SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE LISTEN';
    for (const [family, addresses] of BOTH) {
      for (const state of states.split(' ')) {
        const key = `-p tcp ${addresses} --sport ${nextPort++} --dport 80`;
        const name = `tcp${family}-${state.toLowerCase().replace('_', '-')}`;
        await recorder.life(name, `${key} --state ${state} -t 600`, key);
      }
      const key = `-p tcp ${addresses} --sport ${nextPort++} --dport 80`;
      const make = `${key} --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 600`;
      await recorder.life(`tcp${family}-assured`, make, key, '--state FIN_WAIT');
    }
  },
};

const protocols: Theme = {
  name: 'protocols',
  configuration: noTrack([], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }',
  async work(recorder) {
    const tags = '--orig-vtag 305419896 --reply-vtag 4275878552';
    for (const [family, addresses] of BOTH) {
      for (const protocol of ['udp', 'udplite']) {
        const key = `-p ${protocol} ${addresses} --sport ${nextPort++} --dport 53`;
        await recorder.life(`${protocol}${family}`, `${key} -t 600`, key);
      }
      for (const state of ['COOKIE_WAIT', 'ESTABLISHED', 'SHUTDOWN_SENT']) {
        const key = `-p sctp ${addresses} --sport ${nextPort++} --dport 5060`;
        const name = `sctp${family}-${state.toLowerCase().replace('_', '-')}`;
        await recorder.life(name, `${key} --state ${state} ${tags} -t 600`, key);
      }
      const key = `-p gre ${addresses} --srckey ${nextPort++} --dstkey 2`;
      await recorder.life(`gre${family}`, `${key} -t 600`, key);
    }
    const icmp = `-p icmp ${V4} --icmp-type 8 --icmp-code 0 --icmp-id 4711`;
    await recorder.life('icmp4', `${icmp} -t 600`, icmp);
    const icmpv6 = `-p icmpv6 ${V6} --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 4712`;
    await recorder.life('icmp6', `${icmpv6} -t 600`, icmpv6);
    // Kernels from 6.16 on do not know DCCP's states any more: `step`, because they may refuse the flow.
    const dccp = `-I -p dccp ${V4} --sport ${nextPort++} --dport 5001 --state OPEN --role client -t 600`;
    await recorder.step('dccp4', `conntrack ${dccp}`, () =>
      recorder.lab.a.namespace.run('conntrack', dccp.split(' ')),
    );
  },
};

const nat: Theme = {
  name: 'nat',
  configuration: noTrack([], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }',
  async work(recorder) {
    const bracket = (family: string, address: string) => (family === '4' ? address : `[${address}]`);
    for (const [family, addresses] of BOTH) {
      const source = family === '4' ? '203.0.113.1' : '2001:db8:20::1';
      const target = family === '4' ? '192.168.99.9' : 'fd00:99::9';
      const sourcePort = `${bracket(family, source)}:40001`;
      const targetPort = `${bracket(family, target)}:8080`;
      const variants = {
        snat: `-n ${source}`,
        'snat-port': `-n ${sourcePort}`,
        dnat: `-g ${target}`,
        'dnat-port': `-g ${targetPort}`,
        'both-port': `-n ${sourcePort} -g ${targetPort}`,
      };
      for (const [variant, words] of Object.entries(variants)) {
        for (const protocol of ['tcp', 'udp']) {
          const key = `-p ${protocol} ${addresses} --sport ${nextPort++} --dport 80`;
          const state = protocol === 'tcp' ? ' --state ESTABLISHED' : '';
          const make = `${key}${state} -u SEEN_REPLY,ASSURED ${words} -t 600`;
          await recorder.life(`${protocol}${family}-${variant}`, make, key);
        }
      }
    }
    const icmp = `-p icmp ${V4} --icmp-type 8 --icmp-code 0 --icmp-id 4714`;
    await recorder.life('icmp4-snat', `${icmp} -n 203.0.113.1 -t 600`, icmp);
  },
};

const attributes: Theme = {
  name: 'attributes',
  configuration: noTrack([], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }',
  async work(recorder) {
    const mark = `-p tcp ${V4} --sport ${nextPort++} --dport 80`;
    await recorder.life('mark', `${mark} --state ESTABLISHED -m 0xdeadbeef -t 600`, mark, '-m 0x1');
    const fixed = `-p tcp ${V4} --sport ${nextPort++} --dport 80`;
    const fixedStatus = '-u SEEN_REPLY,ASSURED,FIXED_TIMEOUT';
    await recorder.life('fixed-timeout', `${fixed} --state ESTABLISHED ${fixedStatus} -t 600`, fixed);
    for (const [name, zone] of [
      ['zone', 7],
      ['zone-greatest', 65535],
    ] as const) {
      const key = `-p udp ${V6} --sport ${nextPort++} --dport 80 -w ${zone}`;
      const make = `-I ${key} -m 1 -t 600`;
      await recorder.must(name, `conntrack ${make}`, () => recorder.lab.a.conntrack(...make.split(' ')));
      await recorder.must(name, `conntrack -D ${key}`, () =>
        recorder.lab.a.conntrack('-D', ...key.split(' ')),
      );
    }
  },
};

const timeouts: Theme = {
  name: 'timeouts',
  configuration: noTrack(['TCPWindowTracking On']),
  options: 'Mode NOTRACK, no CommitTimeout, Options { TCPWindowTracking On }',
  async work(recorder) {
    const tcpKey = `-p tcp ${V4} --sport ${nextPort++} --dport 80`;
    await recorder.life('tcp4', `${tcpKey} --state ESTABLISHED -t 432000`, tcpKey, '-t 1234567');
    const udpKey = `-p udp ${V6} --sport ${nextPort++} --dport 53`;
    await recorder.life('udp6', `${udpKey} -t 600`, udpKey, '-t 1');
    const icmp = `-p icmp ${V4} --icmp-type 13 --icmp-code 0 --icmp-id 65535`;
    await recorder.life('icmp4-timestamp', `${icmp} -t 600`, icmp);
  },
};

// With its internal cache a node sends a flow in the state it has by then, so quick events are not seen one by one.
// Without it each event is a message; the datagram leaves with the next ALIVE.
const real: Theme = {
  name: 'real',
  configuration: noTrack([], ['CommitTimeout 180', 'DisableInternalCache On']),
  options: 'Mode NOTRACK { CommitTimeout 180 DisableInternalCache On }',
  quiet: 1_300,
  async work(recorder) {
    const { lab } = recorder;
    // So that no flow of an earlier step ends in a later one.
    await lab.a.namespace.sysctl({
      'net.netfilter.nf_conntrack_udp_timeout': 600,
      'net.netfilter.nf_conntrack_udp_timeout_stream': 600,
      'net.netfilter.nf_conntrack_icmp_timeout': 600,
      'net.netfilter.nf_conntrack_icmpv6_timeout': 600,
    });
    for (const family of [4, 6] as const) {
      await recorder.must(`tcp${family}`, 'a connection of the firewall itself, opened and closed', () =>
        connection(lab, 'firewall', family, 7000),
      );
      await recorder.must(`tcp${family}-snat`, 'a connection through source NAT, opened and closed', () =>
        connection(lab, 'client', family, 7000),
      );
      const address = ADDRESSES.server[`v${family}`];
      await recorder.must(`icmp${family}`, `ping -c 1 ${address}`, () =>
        lab.a.namespace.must('ping', ['-c', '1', address]),
      );
      await recorder.must(`icmp${family}-deleted`, 'conntrack -D', () =>
        lab.a.conntrack('-D', '-f', `ipv${family}`, '-p', family === 4 ? 'icmp' : 'icmpv6'),
      );
      await recorder.must(`udp${family}`, 'datagrams each way through source NAT', async () => {
        const flow = await lab.openUdp({ family });
        await flow.exchange();
        await flow.close();
      });
    }
    await lab.a.namespace.nft(REMAPPED_PORT);
    await recorder.must('udp4-port', 'a flow whose source port NAT changes', async () => {
      const flow = await lab.openUdp({ port: 8500, localPort: nextPort++ });
      await flow.exchange();
      await flow.close();
    });

    await lab.a.namespace.nft(LABELS);
    await startEchoServer(lab.server, [7100, 7101, 7102, 7103, 7200]);
    for (const [name, port] of [
      ['label-0', 7100],
      ['label-40', 7101],
      ['label-127', 7102],
      ['labels-3-33-126', 7103],
    ] as const) {
      await recorder.must(name, `a connection with these bits set by nft: ${name.replace(/^\w+-/, '')}`, () =>
        connection(lab, 'firewall', 4, port),
      );
    }

    await lab.a.namespace.nft(SYNPROXY);
    await recorder.must('synproxy', 'a connection that nft synproxy has answered for the server', () =>
      connection(lab, 'client', 4, 7200),
    );
  },
};

const REMAPPED_PORT = `
table ip remapped {
  chain translating {
    type nat hook postrouting priority 90; policy accept;
    udp dport 8500 snat to 203.0.113.1:41000-41010
  }
}
`;

const LABELS = `
table inet labels {
  chain labelling {
    type filter hook output priority 0; policy accept;
    tcp dport 7100 ct label set 0
    tcp dport 7101 ct label set 40
    tcp dport 7102 ct label set 127
    tcp dport 7103 ct label set 3
    tcp dport 7103 ct label set 33
    tcp dport 7103 ct label set 126
  }
}
`;

const SYNPROXY = `
table inet proxied {
  chain untracked {
    type filter hook prerouting priority raw; policy accept;
    iifname "in0" tcp dport 7200 tcp flags syn / fin,syn,rst,ack notrack
  }
  chain proxying {
    type filter hook forward priority -10; policy accept;
    tcp dport 7200 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
  }
}
`;

const window: Theme = {
  name: 'window',
  configuration: noTrack(['TCPWindowTracking On'], ['DisableInternalCache On']),
  options: 'Mode NOTRACK { DisableInternalCache On }, no CommitTimeout, Options { TCPWindowTracking On }',
  quiet: 1_300,
  async work(recorder) {
    for (const family of [4, 6] as const) {
      await recorder.must(`tcp${family}`, 'a connection with window scaling in both directions', () =>
        connection(recorder.lab, 'client', family, 7000),
      );
    }
  },
};

/** One FTP session through source NAT, active and passive. The server echoes, so it also says what the client says. */
async function ftpSession(recorder: Recorder, family: 4 | 6): Promise<void> {
  const { lab } = recorder;
  const inside = ADDRESSES.client[`v${family}`];
  const outside = ADDRESSES.server[`v${family}`];
  const active = (port: number) =>
    family === 4
      ? `PORT ${inside.replaceAll('.', ',')},${port >> 8},${port & 255}`
      : `EPRT |2|${inside}|${port}|`;
  const passive =
    family === 4
      ? `227 Entering Passive Mode (${outside.replaceAll('.', ',')},156,65)`
      : '229 Entering Extended Passive Mode (|||40001|)';
  const begin = async () => {
    const control = await lab.connect({ family, port: 21, localPort: nextPort++ });
    // The kernel's helper heeds nothing before it has seen the end of a line.
    await control.say('USER anonymous');
    await recorder.peer.settle();
    return control;
  };

  let control = await begin();
  await recorder.must(`active${family}`, `${active(50_001)}`, () => control.say(active(50_001)));
  await recorder.must(`active${family}-data`, 'the server connects to the client, as expected', async () => {
    const data = await openTcpConnection({
      client: lab.server,
      server: lab.client,
      address: ADDRESSES.outsideVirtual[`v${family}`],
      port: 50_001,
    });
    await data.exchange();
    await data.close();
  });
  await recorder.must(`active${family}-again`, `${active(50_003)}`, () => control.say(active(50_003)));
  // The kernel tells of shifted sequence numbers in a dump, not when the helper shifts them.
  await recorder.must(`active${family}-bulk`, 'conntrackd -R, -B', async () => {
    await lab.a.node().command('-R');
    await lab.a.node().command('-B');
  });
  await recorder.must(`active${family}-gone`, 'conntrack -D of the control connection', () =>
    lab.a.conntrack('-D', '-f', `ipv${family}`, '-p', 'tcp', '--dport', '21'),
  );
  await control.close();
  await recorder.peer.settle();

  control = await begin();
  await recorder.must(`passive${family}`, passive, () => control.say(passive));
  await recorder.must(`passive${family}-data`, 'the client connects to the server, as expected', async () => {
    const data = await lab.connect({ family, port: 40_001, localPort: nextPort++ });
    await data.exchange();
    await data.close();
  });
  await recorder.must(`passive${family}-closed`, 'the control connection is closed', () => control.close());
  await lab.a.conntrack('-D', '-f', `ipv${family}`, '-p', 'tcp', '--dport', '21');
  await recorder.peer.settle();
}

const ftp: Theme = {
  name: 'ftp',
  configuration: noTrack(['ExpectationSync On', 'TCPWindowTracking On'], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }, Options { ExpectationSync On, TCPWindowTracking On }',
  async work(recorder) {
    await startEchoServer(recorder.lab.client, [50_001]);
    await startEchoServer(recorder.lab.server, [40_001]);
    await ftpSession(recorder, 4);
    await ftpSession(recorder, 6);
  },
};

const ftpTimeouts: Theme = {
  name: 'ftp-timeouts',
  configuration: noTrack(['ExpectationSync On']),
  options: 'Mode NOTRACK, no CommitTimeout, Options { ExpectationSync On }',
  async work(recorder) {
    await startEchoServer(recorder.lab.client, [50_001]);
    await startEchoServer(recorder.lab.server, [40_001]);
    await ftpSession(recorder, 4);
  },
};

function message(type: number, flags: number, sequence: number, ...range: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 + 4 * range.length);
  bytes[0] = 0x10 | type;
  bytes[1] = flags;
  bytes.writeUInt16BE(bytes.length, 2);
  bytes.writeUInt32BE(sequence >>> 0, 4);
  range.forEach((word, n) => {
    bytes.writeUInt32BE(word >>> 0, 8 + 4 * n);
  });
  return bytes;
}

const control: Theme = {
  name: 'control',
  configuration: { mode: 'FTFW', inMode: ['CommitTimeout 180'] },
  options: 'Mode FTFW { CommitTimeout 180 }, the peer is a plain socket that answers by hand',
  keepsAlive: true,
  async work(recorder) {
    const {
      peer,
      lab: { a },
    } = recorder;
    const alive = (sequence: number, flags = 0) =>
      peer.send(message(MessageType.CONTROL, Flag.ALIVE | flags, sequence));
    const wait = (milliseconds: number) => () => sleep(milliseconds);
    const flow = (port: number) =>
      `-I -p tcp ${V4} --sport ${port} --dport 80 --state ESTABLISHED -t 600`.split(' ');

    await recorder.must('start', 'a node that has heard nobody', wait(2_500));
    await recorder.must('start-flow', 'its first flow', () => a.conntrack(...flow(30_001)));
    await recorder.must('greeted', 'the peer says HELLO with number 1000', async () => {
      alive(1000, Flag.HELLO);
      await sleep(1_200);
    });
    await recorder.must('answered', 'the peer says HELLO_BACK with number 1001', async () => {
      alive(1001, Flag.HELLO_BACK);
      await sleep(1_200);
    });
    await recorder.must('quiet', 'the peer says nothing', wait(2_500));
    await recorder.must('flow', 'a flow after the greetings', () => a.conntrack(...flow(30_002)));
    await recorder.must('gap', 'the peer leaves out 1002 to 1009', () => alive(1010));
    await recorder.must('window', 'the peer sends 300 ALIVE without a gap', () => {
      for (let n = 1; n <= 300; n++) alive(1010 + n);
    });
    await recorder.must('second-gap', 'the peer sends two messages, then leaves out one', () => {
      alive(1311);
      alive(1312);
      alive(1314);
    });
    await recorder.must('resync', 'conntrackd -n', () => a.node().command('-n'));
    const sent = peer.heard.findLast((datagram) => typeOf(datagram, 0) === MessageType.CT_NEW)!;
    await recorder.must('resend', 'the peer says NACK for the last flow', () => {
      const missed = sequenceOf(sent, 0);
      peer.send(message(MessageType.CONTROL, Flag.NACK, 1315, missed, missed));
    });
    await a.load(Array.from({ length: 40 }, (_, n) => flow(31_000 + n).join(' ')));
    await peer.settle();
    await recorder.must('bulk', 'conntrackd -B', () => a.node().command('-B'));
    await recorder.must('asked', 'the peer says RESYNC', () =>
      peer.send(message(MessageType.CONTROL, Flag.RESYNC, 1316, 0, 0)),
    );
  },
};

const THEMES = [tcp, protocols, nat, attributes, timeouts, real, window, ftp, ftpTimeouts, control];

async function captureTheme(theme: Theme, versions: string): Promise<FixtureFile> {
  return withLab({ ftp: true }, async (opened) => {
    const peer = await startWirePeer(opened.b.namespace, 'b');
    await opened.a.start({ program: cProgram, configuration: theme.configuration });
    const recorder = new Recorder(opened, peer, theme);
    await peer.settle();
    await theme.work(recorder);
    return {
      captured: `By sim/netns/capture-wire.ts at the peer's end of the UDP link of a C node. ${versions}. ${theme.options}.`,
      datagrams: recorder.fixtures,
    };
  });
}

async function main(directory: string): Promise<void> {
  const missing = missingForLab(['conntrackd', 'ping']);
  if (missing.length > 0) throw new Error(`this needs ${missing.join(', ')}`);
  const version = /v[\d.]*\d/.exec((await run(cProgram.command, ['-v'])).stdout)?.[0] ?? 'version unknown';
  const versions = `conntrackd ${version}, Linux ${/^\d+\.\d+/.exec(release())?.[0]}`;
  await mkdir(directory, { recursive: true });
  const wanted = process.argv.slice(3);
  for (const theme of THEMES) {
    if (wanted.length > 0 && !wanted.includes(theme.name)) continue;
    const file = await captureTheme(theme, versions);
    await writeFile(join(directory, `${theme.name}.json`), `${JSON.stringify(file, undefined, 1)}\n`);
    console.log(`${theme.name}: ${file.datagrams.length} datagrams`);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(process.argv[2] ?? join('vendor-fixtures', 'wire'));
}
