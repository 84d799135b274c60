import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { missingForLab, type Program, sampleFlows, until } from '../../sim/netns/lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { cProgram } from '../../sim/netns/node.ts';
import type { RunningProcess } from '../../sim/netns/process.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { AF_UNIX, libc, MSG_DONTWAIT, SOCK_DGRAM } from '../../src/system/libc.ts';
import { unixAddress } from '../../src/system/socket-address.ts';
import { ourProgram } from './programs.ts';

// A C node and ours in Stats mode side by side in one namespace: both get events of the same flows of the same kernel, so what
// they log and count is the same to the character, but for the time at the front of a line.

const EXAMPLE = '/usr/share/doc/conntrackd/examples/stats/conntrackd.conf';

interface StatsNode {
  readonly configuration: string;
  readonly flowsPath: string;
  readonly process: RunningProcess;
  /** The answer to these arguments. */
  ask(...args: readonly string[]): Promise<string>;
  /** The log of ended flows, without the times; waits until there are so many. */
  flows(atLeast?: number): Promise<string[]>;
  log(): Promise<string>;
}

let scope: Scope;
let host: Namespace;
let peer: Namespace;

interface Clauses {
  readonly general?: string;
  readonly stats?: string;
  readonly text?: (paths: { lock: string; socket: string; flows: string }) => string;
  /** Put before the program. */
  readonly before?: readonly string[];
}

async function start(name: string, program: Program, clauses: Clauses = {}): Promise<StatsNode> {
  const at = (suffix: string) => join(scope.directory, `${name}.${suffix}`);
  const paths = { lock: at('lock'), socket: at('ctl'), flows: at('flows') };
  const text =
    clauses.text?.(paths) ??
    `Stats { ${clauses.stats ?? `LogFile ${paths.flows}`} }
General {
  LockFile ${paths.lock}
  UNIX { Path ${paths.socket} }
  LogFile ${at('log')}
  NetlinkBufferSize 2097152
  NetlinkBufferSizeMaxGrowth 8388608
  ${clauses.general ?? ''}
}
`;
  await writeFile(at('conf'), text);
  const whole = [...(clauses.before ?? []), program.command, ...program.args, '-C', at('conf')];
  const process = await host.start(whole[0]!, whole.slice(1));
  const ask = (...args: readonly string[]) =>
    host.must(program.command, [...program.args, '-C', at('conf'), ...args]);
  await until(`${name} answers`, async () => !process.running() || (await ask('-s')) !== '');
  if (!process.running()) throw new Error(process.stderr());
  const flows = async (atLeast = 0) => {
    const read = async () => {
      const lines = (await readFile(paths.flows, 'latin1')).split('\n').slice(0, -1);
      return lines.length >= atLeast ? { lines } : undefined;
    };
    const { lines } = await until(`${atLeast} flows in the log of ${name}`, read);
    for (const line of lines)
      expect(line).toMatch(/^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\t\S/);
    return lines.map((line) => line.slice(line.indexOf('\t') + 1));
  };
  return {
    configuration: at('conf'),
    flowsPath: paths.flows,
    process,
    ask,
    flows,
    log: () => readFile(at('log'), 'latin1'),
  };
}

async function startBoth(clauses: Clauses = {}): Promise<{ c: StatsNode; ours: StatsNode }> {
  return { c: await start('c', cProgram, clauses), ours: await start('ours', ourProgram, clauses) };
}

/** Makes one flow of each kind in the kernel. */
async function makeFlows(): Promise<number> {
  const samples = sampleFlows();
  for (const sample of samples) await host.must('conntrack', [...sample.arguments]);
  return samples.length;
}

/** TCP, UDP and ICMP between the two namespaces, over IPv4 and IPv6. */
async function realTraffic(): Promise<void> {
  for (const address of ['10.5.0.2', 'fd00:5::2']) {
    const family = address.includes(':') ? '-6' : '-4';
    const tcp = await peer.start('nc', [family, '-l', '-p', '80']);
    const udp = await peer.start('sh', ['-c', `sleep 3 | nc ${family} -u -l -p 53`]);
    await until('the server', async () => (await peer.must('ss', ['-ltn'])).includes(':80'));
    await host.run('sh', ['-c', `echo hello | nc ${family} -q 0 ${address} 80`]);
    await host.run('sh', ['-c', `echo x | nc ${family} -u -q 0 -w 1 ${address} 53`]);
    await host.must('ping', [family, '-c', '2', '-i', '0.2', '-W', '2', address]);
    await Promise.all([tcp.stop(), udp.stop()]);
  }
}

function seconds(values: Readonly<Record<string, number>>): Promise<void> {
  const entries = Object.entries(values).map(([name, value]) => [
    `net.netfilter.nf_conntrack_${name}`,
    value,
  ]);
  return host.sysctl(Object.fromEntries(entries) as Record<string, number>);
}

/** Statistics with the numbers that two processes must not share replaced. */
function masked(text: string): string {
  return text.replace(/daemon uptime: .*/, 'daemon uptime: -');
}

/** A dump, in any order, without the ages. */
function dumped(text: string): string[] {
  return text
    .replace(/active since \d+s/g, 'active')
    .replace(/delta-time=\d+/g, 'delta-time=')
    .replace(/<deltatime>\d+/g, '<deltatime>')
    .split('\n')
    .sort();
}

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'conntrack', 'nft', 'ping', 'nc', 'ss', 'unshare'])).toEqual([]);
  scope = openScope('sts');
  host = await createNamespace(scope, 'a');
  peer = await createNamespace(scope, 'b');
  await host.ip(
    `link add eth0 type veth peer name eth0 netns ${peer.name}`,
    'addr add 10.5.0.1/24 dev eth0',
    'addr add fd00:5::1/64 dev eth0 nodad',
    'link set eth0 up',
  );
  await peer.ip('addr add 10.5.0.2/24 dev eth0', 'addr add fd00:5::2/64 dev eth0 nodad', 'link set eth0 up');
  await host.nft(`table inet t {
  chain watch {
    type filter hook input priority 0
    ct state new accept
  }
}
`);
  await seconds({ acct: 1 });
});

afterEach(() => scope.close());

describe('beside a C node', () => {
  test.each([0, 1])(
    'logs and counts real traffic alike, with nf_conntrack_timestamp at %i',
    async (timestamp) => {
      await seconds({
        timestamp,
        udp_timeout: 2,
        tcp_timeout_time_wait: 2,
        icmp_timeout: 2,
        icmpv6_timeout: 2,
      });
      await host.must('conntrack', [...sampleFlows()[0]!.arguments]);
      const { c, ours } = await startBoth();
      await realTraffic();
      expect(dumped(await ours.ask('-i'))).toEqual(dumped(await c.ask('-i')));
      const theirs = await until(
        'the end of the traffic',
        async () => {
          // A listing clears away what has expired, which the kernel else does when it has time.
          await host.must('conntrack', ['-L']);
          const flows = await c.flows();
          const kinds = ['tcp', 'udp', 'icmp', 'icmpv6'].filter((kind) =>
            flows.some((flow) => flow.startsWith(`${kind} `)),
          );
          return kinds.length === 4 && flows.length >= 6 && (await c.ask('-i')).split('\n').length < 4
            ? flows
            : undefined;
        },
        30_000,
      );
      await until('the same here', async () => (await ours.flows()).length >= theirs.length);
      expect(await ours.flows()).toEqual(await c.flows());
      expect(
        theirs.some((flow) =>
          /^tcp .* packets=[1-9]\d* bytes=[1-9]\d* .* packets=[1-9]\d* bytes=/.test(flow),
        ),
      ).toBe(true);
      expect(theirs.every((flow) => flow.includes('delta-time=') === (timestamp === 1))).toBe(true);
      expect(dumped(await ours.ask('-i'))).toEqual(dumped(await c.ask('-i')));
      expect(dumped(await ours.ask('-i', '-x'))).toEqual(dumped(await c.ask('-i', '-x')));
      for (const words of [['-s'], ['-s', 'cache'], ['-s', 'runtime']]) {
        expect(masked(await ours.ask(...words))).toBe(masked(await c.ask(...words)));
      }
      expect(await c.ask('-s')).not.toMatch(/ 0 Bytes/);
    },
  );

  test('logs flows of every kind alike', async () => {
    const { c, ours } = await startBoth();
    const made = await makeFlows();
    await until('all flows', async () => (await ours.ask('-i')).split('\n').length > made);
    expect(dumped(await ours.ask('-i'))).toEqual(dumped(await c.ask('-i')));
    await host.must('conntrack', ['-F']);
    const theirs = await c.flows(made);
    expect(await ours.flows(made)).toEqual(theirs);
    expect(theirs.length).toBe(made);
    expect(await ours.ask('-s')).toBe(await c.ask('-s'));
  });

  test('answers every command alike', async () => {
    await makeFlows();
    const { c, ours } = await startBoth();
    const commands = [
      ...['', 'network', 'cache', 'runtime', 'link', 'rsqueue', 'process', 'queue', 'ct', 'expect'].map(
        (word) => (word === '' ? ['-s'] : ['-s', word]),
      ),
      ...[['-i'], ['-i', '-x'], ['-i', 'expect'], ['-e'], ['-e', '-x'], ['-c'], ['-n'], ['-B'], ['-t']],
      ...[
        ['-R'],
        ['-s'],
        ['-f'],
        ['-s'],
        ['-f', 'external'],
        ['-s'],
        ['-f', 'internal'],
        ['-s', 'cache'],
        ['-R'],
        ['-s', 'cache'],
      ],
    ];
    for (const words of commands) {
      const [theirs, our] = [await c.ask(...words), await ours.ask(...words)];
      const sorted = words[0] === '-i' ? dumped : (text: string) => masked(text);
      expect({ words, text: sorted(our) }).toEqual({ words, text: sorted(theirs) });
    }
    for (const line of ['flushing caches', 'resync with master conntrack table']) {
      expect((await ours.log()).split(line).length).toBe((await c.log()).split(line).length);
    }
  });

  test('-F ends the flows, and their ends are logged', async () => {
    // Flows that were there before there was a listener have no events (net.netfilter.nf_conntrack_events = 2).
    const { c, ours } = await startBoth();
    const made = await makeFlows();
    await ours.ask('-F');
    const theirs = await c.flows(made);
    expect((await ours.flows(made)).sort()).toEqual(theirs.sort());
    expect(await ours.log()).toContain('flushing kernel conntrack table');
    expect(await ours.ask('-s', 'runtime')).toMatch(/flush kernel table:\s+1\n/);
  });

  test('heeds the filter alike', async () => {
    const general = `Filter From Userspace {
    Protocol Accept { TCP UDP }
    Address Ignore { IPv4_address 192.168.10.0/24 }
  }`;
    const { c, ours } = await startBoth({ general });
    const made = await makeFlows();
    await host.must('conntrack', [
      '-I',
      '-p',
      'udp',
      '-s',
      '9.9.9.9',
      '-d',
      '8.8.8.8',
      '--sport',
      '1',
      '--dport',
      '2',
      '-t',
      '9',
    ]);
    await host.must('conntrack', ['-F']);
    const theirs = await c.flows(1);
    await until('the last flow', async () => (await ours.flows()).length >= theirs.length);
    expect((await ours.flows()).sort()).toEqual((await c.flows()).sort());
    expect(theirs.length).toBeLessThan(made);
    expect(await ours.ask('-s')).toBe(await c.ask('-s'));
    expect(masked(await ours.ask('-s', 'runtime'))).toBe(masked(await c.ask('-s', 'runtime')));
  });

  test('finds what came and went by looking every PollSecs', async () => {
    const { c, ours } = await startBoth({ general: 'PollSecs 1' });
    const made = await makeFlows();
    await until('all flows', async () => (await ours.ask('-i')).split('\n').length > made);
    await until('all flows', async () => (await c.ask('-i')).split('\n').length > made);
    await host.must('conntrack', ['-F']);
    // C logs at every look that the flows of a zone have ended (docs/protocol.md), so its lines can repeat.
    const distinct = await until('all flows in the log of c', async () => {
      const lines = [...new Set(await c.flows())].sort();
      return lines.length >= made ? lines : undefined;
    });
    expect((await ours.flows(made)).sort()).toEqual(distinct);
    expect(await ours.log()).toContain('running in polling mode');
  });

  test('sends the same to syslog', async () => {
    const path = join(scope.directory, 'syslog');
    const address = unixAddress(path);
    const syslogd = libc().socket(AF_UNIX, SOCK_DGRAM, 0);
    try {
      libc().bind(syslogd, address);
      // Each program sees a /dev of its own, with our socket where syslogd's is.
      const script = `mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 &&
        mknod -m 666 /dev/random c 1 8 && touch /dev/log && mount --bind ${path} /dev/log && exec "$@"`;
      const before = ['unshare', '-m', 'sh', '-c', script, 'sh'];
      const stats = 'Syslog local3';
      const { c, ours } = await startBoth({ stats, general: 'Syslog local3', before });
      await host.must('conntrack', [...sampleFlows()[0]!.arguments]);
      await host.must('conntrack', ['-F']);
      const buffer = Buffer.alloc(8192);
      const received: string[] = [];
      const ended = () => {
        for (;;) {
          const length = libc().receive(syslogd, buffer, MSG_DONTWAIT);
          if (length < 0) break;
          received.push(buffer.toString('latin1', 0, length));
        }
        return received.filter((line) => line.includes(' src='));
      };
      await until('a line from each', () => ended().length === 2);
      const of = (node: StatsNode) => {
        const line = ended().find((text) => text.includes(`[${node.process.pid}]: `));
        return line
          ?.replace(/\w{3} [ \d]\d \d\d:\d\d:\d\d/, '<time>')
          .replace(/\[\d+\]/, '[pid]')
          .trimEnd();
      };
      expect(of(ours)).toBe(of(c));
      expect(of(ours)).toMatch(/^<158><time> conntrack-tools\[pid\]: \w+ +\d+ .*src=/);
      await ours.process.stop();
      expect(ours.process.running()).toBe(false);
    } finally {
      libc().close(syslogd);
    }
  });
});

describe('the log of ended flows', () => {
  test('has all of them after SIGTERM', async () => {
    const general = 'NetlinkBufferSize 67108864\n  NetlinkBufferSizeMaxGrowth 134217728';
    const node = await start('ours', ourProgram, { general });
    const lines = Array.from({ length: 20_000 }, (_, n) => {
      const source = `10.${100 + (n >> 16)}.${(n >> 8) & 0xff}.${n & 0xff}`;
      return `-I -p udp -s ${source} -d 10.9.9.9 --sport 1 --dport 2 -t 600`;
    });
    await writeFile(join(scope.directory, 'load'), `${lines.join('\n')}\n`);
    await host.must('conntrack', ['-R', join(scope.directory, 'load')]);
    await until('20,000 flows', async () => / 20000\n/.test((await node.ask('-s')).split('created')[0]!));
    await host.must('conntrack', ['-F']);
    await until('their ends', async () => / 0\n/.test((await node.ask('-s')).split('created')[0]!));
    expect(await node.process.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    const flows = await node.flows();
    expect(flows.length).toBe(20_000);
    expect(new Set(flows).size).toBe(20_000);
  });

  test('goes on in a new file after SIGHUP', async () => {
    const node = await start('ours', ourProgram);
    const [first, second] = sampleFlows();
    await host.must('conntrack', [...first!.arguments]);
    await host.must('conntrack', ['-F']);
    await node.flows(1);
    await rename(node.flowsPath, `${node.flowsPath}.1`);
    node.process.signal('SIGHUP');
    await until('the new file', () => existsSync(node.flowsPath));
    await host.must('conntrack', [...second!.arguments]);
    await host.must('conntrack', ['-F']);
    expect((await node.flows(1)).length).toBe(1);
    expect((await readFile(`${node.flowsPath}.1`, 'latin1')).trimEnd().split('\n').length).toBe(1);
  });

  test('on a full disk stops nothing, and is logged', async () => {
    const node = await start('ours', ourProgram, { stats: 'LogFile /dev/full' });
    const made = await makeFlows();
    await host.must('conntrack', ['-F']);
    await until('the error', async () => (await node.log()).includes('stats log file /dev/full: ENOSPC'));
    expect(await node.ask('-s')).toMatch(new RegExp(`connections destroyed:\\s+${made}\\s`));
    expect(await node.process.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await node.log()).toContain(`stats log file /dev/full: ${made} ended flows were lost until now`);
  });

  test('that cannot be opened keeps the daemon from starting, with one line that names it', async () => {
    const node = start('ours', ourProgram, { stats: `LogFile ${scope.directory}/none/flows` });
    await expect(node).rejects.toThrow(/can't open logfile `.*none\/flows': ENOENT/);
    expect(existsSync(join(scope.directory, 'ours.lock'))).toBe(false);
  }, 30_000);
});

test("Debian's example runs, with other paths in it", async () => {
  const example = await readFile(EXAMPLE, 'utf8');
  const text = ({ lock, socket, flows }: { lock: string; socket: string; flows: string }) =>
    example
      .replace('/var/lock/conntrack.lock', lock)
      .replace('/var/run/conntrackd.ctl', socket)
      .replace(/(\n\s+)LogFile on/, `$1LogFile ${flows}`);
  const { c, ours } = await startBoth({ text });
  const made = await makeFlows();
  await host.must('conntrack', ['-F']);
  const theirs = await c.flows(1);
  await until('the last flow', async () => (await ours.flows()).length >= theirs.length);
  expect(await ours.flows()).toEqual(await c.flows());
  // It is for TCP alone.
  expect(theirs.every((flow) => flow.startsWith('tcp '))).toBe(true);
  expect(theirs.length).toBeLessThan(made);
  expect(await ours.ask('-s')).toBe(await c.ask('-s'));
  expect(masked(await ours.ask('-s', 'runtime'))).toBe(masked(await c.ask('-s', 'runtime')));
});
