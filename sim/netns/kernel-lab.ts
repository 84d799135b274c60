import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AF_INET, libc, MSG_DONTWAIT, SOCK_DGRAM } from '../../src/system/libc.ts';
import { cProgramPath } from './c-program.ts';
import type { Namespace } from './namespace.ts';
import type { RunningProcess } from './process.ts';
import { setNetworkNamespace } from './setns.ts';
import { until } from './until.ts';

/** Runs `body` with this thread in a named network namespace. Sockets that it opens stay there; it must be synchronous. */
export function inside<T>(namespace: string, body: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const there = openSync(`/run/netns/${namespace}`, 'r');
  try {
    setNetworkNamespace(there);
    try {
      return body();
    } finally {
      setNetworkNamespace(home);
    }
  } finally {
    closeSync(home);
    closeSync(there);
  }
}

/** One message that a C node sent: `NEW`, `UPDATE`, `DESTROY`, or with `EXP` before it; and its attributes in hexadecimal. */
export interface SentMessage {
  readonly kind: string;
  readonly wire: string;
}

const KINDS = ['NEW', 'UPDATE', 'DESTROY', 'EXP NEW', 'EXP UPDATE', 'EXP DESTROY'];
export const SYNC_PORT = 3780;

/** An IPv4 socket address in bytes. */
export function socketAddress(address: readonly number[], port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new Uint16Array(bytes.buffer)[0] = AF_INET;
  new DataView(bytes.buffer).setUint16(2, port);
  bytes.set(address, 4);
  return bytes;
}

/** Collects the messages that a C node sends to a namespace, split by the simple rules of the framing. */
export interface Collector {
  /** All messages received so far. */
  collect(): readonly SentMessage[];
  forget(): void;
  close(): void;
}

export function openCollector(namespace: string): Collector {
  const fd = inside(namespace, () => {
    const socket = libc().socket(AF_INET, SOCK_DGRAM, 0);
    libc().bind(socket, socketAddress([0, 0, 0, 0], SYNC_PORT));
    return socket;
  });
  const sent: SentMessage[] = [];
  const datagram = Buffer.alloc(65536);
  return {
    collect() {
      for (;;) {
        const length = libc().receive(fd, datagram, MSG_DONTWAIT);
        if (length < 0) return sent;
        for (let at = 0; at < length; at += datagram.readUInt16BE(at + 2)) {
          const kind = KINDS[datagram[at]! & 0xf];
          const end = at + datagram.readUInt16BE(at + 2);
          if (kind !== undefined) sent.push({ kind, wire: datagram.toString('hex', at + 8, end) });
        }
      }
    },
    forget() {
      sent.length = 0;
    },
    close() {
      libc().close(fd);
    },
  };
}

export interface BareNode {
  /** Lines inside the mode's block. */
  readonly mode?: string;
  /** Lines inside the options' block. */
  readonly options?: string;
  readonly link: { readonly from: string; readonly to: string; readonly device: string };
}

/** Starts a C node alone in a namespace, in NOTRACK mode; returns the path of its configuration. */
export async function startBareNode(
  namespace: Namespace,
  directory: string,
  { mode = '', options = '', link }: BareNode,
): Promise<string> {
  const path = join(directory, 'conntrackd.conf');
  writeFileSync(
    path,
    `Sync {
  Mode NOTRACK {
    ${mode}
  }
  UDP {
    IPv4_address ${link.from}
    IPv4_Destination_Address ${link.to}
    Port ${SYNC_PORT}
    Interface ${link.device}
    SndSocketBuffer 1249280
    RcvSocketBuffer 1249280
    Checksum on
  }
  Options {
    ${options}
  }
}
General {
  HashSize 32768
  HashLimit 131072
  LogFile ${directory}/node.log
  LockFile ${directory}/node.lock
  UNIX { Path ${directory}/node.ctl }
  NetlinkBufferSize 2097152
  NetlinkBufferSizeMaxGrowth 8388608
}
`,
  );
  await namespace.start(cProgramPath(), ['-C', path]);
  await until(
    'the C node answers',
    async () => (await namespace.run(cProgramPath(), ['-C', path, '-s'])).code === 0,
  );
  return path;
}

/** Joins a firewall (10.77.0.1, 10.99.0.1) and a server (10.77.0.2, 10.99.0.2) by one link, `sync0` on both sides. */
export async function joinByLink(firewall: Namespace, server: Namespace): Promise<void> {
  await firewall.ip(
    `link add sync0 type veth peer name sync0 netns ${server.name}`,
    'addr add 10.99.0.1/24 dev sync0',
    'link set sync0 up',
    'addr add 10.77.0.1/24 dev sync0',
    'addr add fd00:77::1/64 dev sync0 nodad',
  );
  await server.ip(
    'addr add 10.99.0.2/24 dev sync0',
    'addr add 10.77.0.2/24 dev sync0',
    'addr add fd00:77::2/64 dev sync0 nodad',
    'link set sync0 up',
  );
}

/** The replication traffic's own flow comes and goes with its messages, so comparisons leave it out. */
export const isSyncFlow = (wire: string): boolean => wire.includes('0a6300010a630002');

/** Flows of every kind that `conntrack -I` can create, one per line. */
const FLOWS = [
  '-p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 1000 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 1000',
  '-p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 1001 --dport 80 --state SYN_SENT -t 100',
  '-p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 1002 --dport 80 --state SYN_RECV -u SEEN_REPLY -t 100',
  '-p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 1003 --dport 80 --state FIN_WAIT -u SEEN_REPLY,ASSURED -t 100',
  '-p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 1004 --dport 80 --state TIME_WAIT -u SEEN_REPLY,ASSURED -t 100',
  '-p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 1005 --dport 80 --state CLOSE -u SEEN_REPLY -t 100 -m 99',
  '-p tcp -s fd00::1 -d fd00::2 --sport 1006 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 1000',
  '-p udp -s 1.1.1.1 -d 2.2.2.2 --sport 2000 --dport 53 -t 60',
  '-p udp -s 1.1.1.1 -d 2.2.2.2 --sport 2001 --dport 53 -u SEEN_REPLY -t 60 -m 4294967295',
  '-p udp -s fd00::1 -d fd00::2 --sport 2002 --dport 53 -u SEEN_REPLY,ASSURED -t 60',
  '-p udp -s 1.1.1.1 -d 2.2.2.2 --sport 2003 --dport 53 -t 60 -w 3',
  '-p icmp -s 1.1.1.1 -d 2.2.2.2 --icmp-type 8 --icmp-code 0 --icmp-id 4660 -t 30',
  '-p icmpv6 -s fd00::1 -d fd00::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 17 -t 30',
  '-p sctp -s 1.1.1.1 -d 2.2.2.2 --sport 3000 --dport 9 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2 -u SEEN_REPLY,ASSURED -t 99',
  '-p gre -s 1.1.1.1 -d 2.2.2.2 --srckey 11 --dstkey 12 -t 99',
  '-p gre -s 1.1.1.1 -d 2.2.2.2 --srckey 13 --dstkey 12 -t 99',
  '-p udplite -s 1.1.1.1 -d 2.2.2.2 --sport 4000 --dport 5 -t 99',
  '-p 50 -s 1.1.1.1 -d 2.2.2.2 -t 99',
  '-p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 5000 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 1000 --src-nat 9.9.9.9',
  '-p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 5001 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 1000 --src-nat 9.9.9.9:777',
  '-p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 5002 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 1000 --dst-nat 10.0.0.1:8080',
  '-p udp -s 1.1.1.1 -d 2.2.2.2 --sport 5003 --dport 80 -t 1000 --dst-nat 10.0.0.1',
  '-p udp -s 1.1.1.1 -d 2.2.2.2 --sport 5004 --dport 80 -t 1000 --src-nat 9.9.9.9:9 --dst-nat 10.0.0.1:10',
  '-p tcp -s fd00::1 -d fd00::2 --sport 5005 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 1000 --src-nat fd00::9',
  '-p icmp -s 1.1.1.1 -d 2.2.2.2 --icmp-type 8 --icmp-code 0 --icmp-id 5006 -t 30 --src-nat 9.9.9.9',
  '-p gre -s 1.1.1.1 -d 2.2.2.2 --srckey 21 --dstkey 22 -t 99 --src-nat 9.9.9.9',
];

/** Makes one flow of each kind; returns how many. */
export async function makeFlows(namespace: Namespace): Promise<number> {
  for (const flow of FLOWS) await namespace.must('conntrack', ['-I', ...flow.split(' ')]);
  return FLOWS.length;
}

/**
 * Loads the rules of the firewall: they redirect UDP to port 5301 to port 53 of the server, and translate the source of
 * traffic to the server's port 54; FTP has its helper; port 55 gets a label, port 56 zone 7, port 57 a mark.
 */
export async function prepareTranslation(namespace: Namespace): Promise<void> {
  await namespace.nft(`
table inet t {
  ct helper ftp { type "ftp" protocol tcp; l3proto ip; }
  chain raw_out {
    type filter hook output priority -300;
    udp dport 56 ct zone set 7
  }
  chain raw_in {
    type filter hook prerouting priority -300;
    udp sport 56 ct zone set 7
  }
  chain label {
    type filter hook output priority -10;
    tcp dport 21 ct helper set "ftp"
    udp dport 55 ct label set 5
    udp dport 55 udp length > 12 ct label set 37
    udp dport 57 ct mark set 0x57
  }
  chain dnat_out {
    type nat hook output priority -100;
    udp dport 5301 dnat ip to 10.77.0.2:53
  }
  chain snat_out {
    type nat hook postrouting priority 100;
    udp dport 54 snat ip to 10.77.0.99:4000-4010
  }
}
`);
}

/** An FTP server that announces one passive connection, to port 20000 of 10.77.0.2. */
export async function serveFtp(server: Namespace): Promise<RunningProcess> {
  const ftp = await server.start('nc', ['-l', '-p', '21', '-q', '0']);
  // The helper checks only what starts a line in a segment of its own, so another segment must come first.
  ftp.onLine((line) => {
    if (line.startsWith('PASV')) ftp.send('227 Entering Passive Mode (10,77,0,2,78,32)\r');
  });
  ftp.send('220 ready\r');
  return ftp;
}

/** Connects to the FTP server, which may not listen yet, and makes it announce a passive connection. */
export async function connectFtp(firewall: Namespace): Promise<RunningProcess> {
  let control: RunningProcess | undefined;
  let announced = false;
  const connect = async () => {
    const connected = await firewall.start('nc', ['10.77.0.2', '21']);
    connected.onLine((line) => {
      if (line.startsWith('220')) connected.send('PASV\r');
      else announced ||= line.startsWith('227');
    });
    return connected;
  };
  await until('the FTP server announces a passive connection', async () => {
    if (!control?.running()) control = await connect();
    return announced;
  });
  return control!;
}

/** Makes traffic from the firewall to the server that matches every rule of {@link prepareTranslation}. */
export async function realTraffic(firewall: Namespace, server: Namespace): Promise<void> {
  const ftp = await serveFtp(server);
  const data = await server.start('nc', ['-l', '-p', '20000', '-q', '0']);
  const control = await connectFtp(firewall);
  // With -w 0, nc ends at once where its input is not there yet: a pipe from a process may be late, a here-document is not.
  for (const port of [53, 54, 55, 56, 57, 5301]) {
    await firewall.run('sh', ['-c', `nc -u -w 0 10.77.0.2 ${port} <<E\nx\nE`]);
  }
  // The second packet sets a further label: only a change makes an event with labels.
  await firewall.run('sh', [
    '-c',
    '(echo x; sleep 0.2; echo longer packet) | nc -u -q 0 -p 5555 10.77.0.2 55',
  ]);
  await firewall.run('sh', ['-c', 'nc -6 -u -w 0 fd00:77::2 53 <<E\nx\nE']);
  await firewall.must('ping', ['-c', '1', '-W', '2', '10.77.0.2']);
  await firewall.must('ping', ['-6', '-c', '1', '-W', '2', 'fd00:77::2']);
  await firewall.run('sh', ['-c', 'echo data | nc -q 0 -w 2 10.77.0.2 20000']);
  await control.stop();
  await data.stop();
  await ftp.stop();
}
