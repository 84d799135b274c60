import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from './namespace.ts';

/** The arguments of one `conntrack` call, such as `['-I', '-p', 'udp', ...]`. */
export type ConntrackArguments = readonly string[];

/** A flow that `conntrack -I` can create in the kernel, with the fields that distinguish it. */
export interface SampleFlow {
  readonly name: string;
  readonly arguments: ConntrackArguments;
}

/** The nth of many distinct IPv4 addresses in 10.64.0.0/10, which laboratories use for nothing else. */
function numberedAddress(n: number): string {
  return `10.${64 + ((n >>> 16) & 63)}.${(n >>> 8) & 255}.${n & 255}`;
}

// Flows per source address: few enough to vary addresses, many enough to vary ports.
const PORTS_PER_ADDRESS = 1000;

export interface LoadOptions {
  /** Number of the first flow: loads that do not overlap add up. By default 0. */
  readonly first?: number;
  /** Lifetime of the flows in seconds; by default 3,600. */
  readonly timeout?: number;
}

/** `count` established TCP flows, all different, as the lines of a file for `conntrack -R`. */
export function tcpLoad(count: number, { first = 0, timeout = 3600 }: LoadOptions = {}): string[] {
  if (!Number.isInteger(count) || count < 0 || first + count > 64 * 65536 * PORTS_PER_ADDRESS) {
    throw new Error(`a load of ${count} flows from ${first}: out of range`);
  }
  return Array.from({ length: count }, (_, index) => {
    const n = first + index;
    const source = numberedAddress(Math.floor(n / PORTS_PER_ADDRESS));
    return (
      `-I -p tcp -s ${source} -d 203.0.113.10 --sport ${1024 + (n % PORTS_PER_ADDRESS)} --dport 80 ` +
      `--state ESTABLISHED -u SEEN_REPLY,ASSURED -t ${timeout}`
    );
  });
}

/** Runs lines of arguments with `conntrack -R`, about 90,000 per second; they pass through a file in `directory`. */
export async function loadFlows(
  namespace: Namespace,
  lines: readonly string[],
  directory: string,
): Promise<void> {
  const file = join(directory, `load-${randomUUID()}`);
  await writeFile(file, `${lines.join('\n')}\n`);
  try {
    await namespace.must('conntrack', ['-R', file]);
  } finally {
    await rm(file, { force: true });
  }
}

const TCP_STATES = [
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'LISTEN',
] as const;

const SCTP_STATES = [
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
] as const;

/**
 * One flow of every kind that `conntrack -I` can create: the protocols and their states, both families, translation of
 * either end with and without ports, marks, zones, statuses. All have a timeout of 600 seconds.
 */
export function sampleFlows(): SampleFlow[] {
  const flows: SampleFlow[] = [];
  const add = (name: string, ...words: readonly string[]) => {
    flows.push({ name, arguments: ['-I', ...words.flatMap((word) => word.split(' ')), '-t', '600'] });
  };
  let port = 10_000;
  const v4 = () => `-s 192.168.10.10 -d 203.0.113.10`;
  const v6 = () => `-s fd00:10::10 -d 2001:db8:20::10`;
  const ports = () => `--sport ${++port} --dport 80`;
  const assured = '-u SEEN_REPLY,ASSURED';
  const established = `--state ESTABLISHED ${assured}`;

  for (const state of TCP_STATES) {
    add(`tcp ${state}`, '-p tcp', v4(), ports(), `--state ${state}`);
    add(`tcp6 ${state}`, '-p tcp', v6(), ports(), `--state ${state}`);
  }
  add('tcp assured', '-p tcp', v4(), ports(), established);
  add('tcp6 assured', '-p tcp', v6(), ports(), established);
  add('tcp seen in both directions', '-p tcp', v4(), ports(), '--state ESTABLISHED -u SEEN_REPLY');
  add('tcp with a mark', '-p tcp', v4(), ports(), established, '-m 0xdeadbeef');
  add('tcp in a zone', '-p tcp', v4(), ports(), established, '-w 7');
  add(
    'tcp of fixed timeout',
    '-p tcp',
    v4(),
    ports(),
    '--state ESTABLISHED -u SEEN_REPLY,ASSURED,FIXED_TIMEOUT',
  );

  for (const protocol of ['udp', 'udplite'] as const) {
    add(`${protocol}`, `-p ${protocol}`, v4(), ports());
    add(`${protocol} over IPv6`, `-p ${protocol}`, v6(), ports());
    add(`${protocol} assured`, `-p ${protocol}`, v4(), ports(), assured);
  }
  add('udp in a zone with a mark', '-p udp', v6(), ports(), '-w 65535 -m 1');

  add('icmp echo', '-p icmp', v4(), '--icmp-type 8 --icmp-code 0 --icmp-id 4711');
  add('icmp timestamp', '-p icmp', v4(), '--icmp-type 13 --icmp-code 0 --icmp-id 4712');
  add('icmpv6 echo', '-p icmpv6', v6(), '--icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 4713');

  for (const state of SCTP_STATES) {
    add(`sctp ${state}`, '-p sctp', v4(), ports(), `--state ${state} --orig-vtag 11 --reply-vtag 12`);
  }
  add(
    'sctp over IPv6',
    '-p sctp',
    v6(),
    ports(),
    '--state ESTABLISHED --orig-vtag 1 --reply-vtag 2',
    assured,
  );
  add('gre', '-p gre', v4(), '--srckey 1 --dstkey 2');
  add('gre over IPv6', '-p gre', v6(), '--srckey 3 --dstkey 4');

  add('tcp, source translated', '-p tcp', v4(), ports(), established, '-n 203.0.113.1');
  add('tcp, source and port translated', '-p tcp', v4(), ports(), established, '-n 203.0.113.1:40001');
  add('tcp, destination translated', '-p tcp', v4(), ports(), established, '-g 192.168.99.9');
  add('tcp, destination and port translated', '-p tcp', v4(), ports(), established, '-g 192.168.99.9:8080');
  add(
    'tcp, both ends translated',
    '-p tcp',
    v4(),
    ports(),
    established,
    '-n 203.0.113.1:40002 -g 192.168.99.9:8081',
  );
  add('udp, source and port translated', '-p udp', v4(), ports(), assured, '-n 203.0.113.1:40003');
  add('udp, destination translated', '-p udp', v4(), ports(), assured, '-g 192.168.99.9');
  add(
    'icmp, source translated',
    '-p icmp',
    v4(),
    '--icmp-type 8 --icmp-code 0 --icmp-id 4714 -n 203.0.113.1',
  );
  add('tcp6, source translated', '-p tcp', v6(), ports(), established, '-n 2001:db8:20::1');
  add('tcp6, source and port translated', '-p tcp', v6(), ports(), established, '-n [2001:db8:20::1]:40004');
  add('udp6, destination and port translated', '-p udp', v6(), ports(), assured, '-g [fd00:99::9]:8082');
  return flows;
}
