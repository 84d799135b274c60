import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openCrowd } from '../../sim/netns/crowd.ts';
import { loadFlows } from '../../sim/netns/flows.ts';
import { ADDRESSES, cProgram, type Firewall, missingForLab, tcpLoad, withLab } from '../../sim/netns/lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { until } from '../../sim/netns/until.ts';
import type { Finding } from '../../src/diagnosis/finding.ts';
import { checkTrackingRules } from '../../src/diagnosis/rules/check-tracking-rules.ts';
import type { Facts } from '../../src/facts/facts.ts';
import { parseNftRules } from '../../src/facts/rules/nft-json.ts';
import { mistakesIn } from '../support/schemas.ts';
import { ourLauncher, ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrack', 'nft'])).toEqual([]);
});

/** A machine that the doctor looks at, and what it says is run on. */
class Patient {
  readonly host: Namespace;
  private readonly path: string;
  private readonly tools: string;

  constructor(host: Namespace, path: string, tools: string) {
    this.host = host;
    this.path = path;
    this.tools = tools;
  }

  /** The findings that are not ok. */
  async examine(...options: readonly string[]): Promise<Finding[]> {
    const args = [...ourProgram.args, 'doctor', '-C', this.path, '--json', ...options];
    const { stdout, stderr } = await this.host.run(ourProgram.command, args);
    expect(stderr).toBe('');
    expect(mistakesIn('doctor', JSON.parse(stdout))).toEqual([]);
    const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
    return findings.filter(({ level }) => level !== 'ok');
  }

  /** Runs the commands of a finding, as they stand there. */
  async cure({ commands = [] }: Finding): Promise<void> {
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) {
      await this.host.must('sh', ['-ec', `export PATH="${this.tools}:$PATH"\n${command}`]);
    }
  }

  async status(): Promise<{ readonly code: number | null; readonly text: string }> {
    const { code, stdout } = await this.host.run(ourProgram.command, [
      ...ourProgram.args,
      'status',
      '-C',
      this.path,
    ]);
    return { code, text: stdout };
  }
}

/** A folder in which our program has its name. */
async function toolsIn(directory: string): Promise<string> {
  process.env.CONNTRACKD_TS_NODE = process.execPath;
  await symlink(ourLauncher.command, join(directory, 'conntrackd-ts'));
  return directory;
}

/** Writes the line of a full table into the kernel's log, for the network namespace of this number, by default the host's own. */
async function logFullTable(
  host: Namespace,
  number = '$(readlink /proc/self/ns/net | tr -dc 0-9)',
): Promise<void> {
  const line = `nf_conntrack: nf_conntrack: table full in netns ${number}, dropping packet`;
  await host.must('sh', ['-c', `echo "${line}" > /dev/kmsg`]);
}

/** A machine without a daemon. */
async function withPatient(work: (patient: Patient, scope: Scope) => Promise<void>): Promise<void> {
  const scope = openScope('sick');
  try {
    const host = await createNamespace(scope, 'a');
    const path = join(scope.directory, 'node.conf');
    await writeFile(
      path,
      `Stats { LogFile off }
General { HashLimit 10000000
  LockFile ${path}.lock
  UNIX { Path ${path}.ctl }
}
`,
    );
    await work(new Patient(host, path, await toolsIn(scope.directory)), scope);
  } finally {
    await scope.close();
  }
}

const named = (findings: readonly Finding[], check: string): Finding => {
  const found = findings.find((finding) => finding.check === check);
  expect([check, ...findings.map((finding) => finding.check)].slice(found ? 0 : 1)).toContain(check);
  return found!;
};

const checksOf = (findings: readonly Finding[]): string[] => findings.map(({ check }) => check);

const lines = (count: number, line: (n: number) => string): string[] =>
  Array.from({ length: count }, (_, n) => `-I ${line(n)}`);

const OPEN = '--state ESTABLISHED -u SEEN_REPLY,ASSURED';

describe.concurrent('the doctor on a table', () => {
  test('sees what its flows tell, and what it advises cures that', async () => {
    await withPatient(async (patient, scope) => {
      const { host } = patient;
      await host.sysctl({ 'net.netfilter.nf_conntrack_udp_timeout_stream': 100 });
      const service = (from: string, to: string, n: number) =>
        `-p tcp -s ${from} -d 10.96.0.1 --sport ${1024 + n} --dport 80 -g ${to}:8080 ${OPEN} -t 431990`;
      const loads = [
        ...lines(600, (n) => `-p udp -s 10.1.0.1 -d 192.0.2.1 --sport ${1024 + n} --dport 9 -t 600`),
        ...lines(
          1400,
          (n) =>
            `-p tcp -s 10.1.0.2 -d 192.0.2.${1 + (n % 200)} --sport ${1024 + n} --dport 80 --state SYN_SENT -t 600`,
        ),
        ...lines(
          300,
          (n) => `-p tcp -s 10.1.0.3 -d 192.0.2.1 --sport ${1024 + n} --dport 22 ${OPEN} -t 400000`,
        ),
        ...lines(
          70,
          (n) =>
            `-p udp -s 10.1.0.4 -d 192.0.2.1 --sport ${1024 + n} --dport 4500 -u SEEN_REPLY,ASSURED -t 30`,
        ),
        ...lines(
          20,
          (n) =>
            `-p tcp -s 10.1.0.5 -d 192.0.2.1 --sport ${1024 + n} --dport 443 --state ESTABLISHED -t 431990`,
        ),
        ...lines(200, (n) => service('10.1.0.6', '10.2.0.1', n)),
        ...lines(20, (n) => service('10.1.0.7', '10.2.0.2', n)),
        ...lines(10, (n) => service('10.1.0.8', '10.2.0.3', n)),
      ];
      await loadFlows(host, loads, scope.directory);
      // Nothing was dropped here: such a line is about a namespace that had the number before.
      await logFullTable(host);
      const status = await patient.status();
      expect([status.code, status.text]).toEqual([1, expect.stringMatching(/^WARNING: /)]);
      const findings = await patient.examine('--for', '1s');
      const EXPECTED = ['UDP', 'TCP', 'TCP timeout', 'UDP timeout', 'one-sided flows', 'skewed backends'];
      expect(checksOf(findings)).toEqual(expect.arrayContaining(EXPECTED));
      for (const check of EXPECTED) {
        const finding = named(findings, check);
        // Routes are no matter of one command.
        if (check !== 'one-sided flows') await patient.cure(finding);
      }
      await host.must(ourProgram.command, [
        ...ourProgram.args,
        ...'delete tcp state established unreplied --yes'.split(' '),
      ]);
      const after = checksOf(await patient.examine('--for', '1s'));
      expect(after.filter((check) => EXPECTED.includes(check))).toEqual([]);
      expect((await patient.status()).text).toMatch(/ 0 warnings/);
    });
  });
});

/**
 * Keeps so many connections open, and sends on each now and then. Who gets none tries anew from another socket, because the
 * kernel sends a SYN again more and more rarely.
 */
const CLIENTS = `
const [address, port, count] = process.argv.slice(1);
const open = () => {
  const socket = require('net').connect({ host: address, port: Number(port) });
  socket.on('error', () => {});
  const patience = setTimeout(() => {
    socket.destroy();
    open();
  }, 500);
  socket.on('connect', () => {
    clearTimeout(patience);
    setInterval(() => socket.write('x'), 200);
  });
};
for (let n = 0; n < count; n++) open();`;
const TCP_SERVER = `
const [port] = process.argv.slice(1);
require('net').createServer((socket) => socket.on('error', () => {}).resume()).listen(Number(port));`;
const UDP_SERVER = `
const [own, port] = process.argv.slice(1);
const socket = require('dgram').createSocket('udp4');
socket.on('message', (text, from) => socket.send(text, from.port, from.address)).bind(Number(port), own);`;
const UDP_CLIENTS = `
const [address, port, count, every] = process.argv.slice(1);
for (let n = 0; n < count; n++) {
  const socket = require('dgram').createSocket('udp4');
  socket.on('error', () => {});
  setInterval(() => socket.send('x', Number(port), address), Number(every));
}`;

describe.concurrent('the doctor on traffic', () => {
  test('sees ports that are used up, backends that are gone, timeouts that are too short, and packets of no flow', async () => {
    await withPatient(async (patient) => {
      const { host } = patient;
      const script = (text: string, ...args: readonly string[]) =>
        host.start(process.execPath, ['-e', text, ...args]);
      await host.sysctl({
        'net.netfilter.nf_conntrack_udp_timeout': 1,
        'net.netfilter.nf_conntrack_udp_timeout_stream': 1,
        'net.netfilter.nf_conntrack_tcp_loose': 0,
      });
      await host.nft(`table ip t {
  chain post { type nat hook postrouting priority srcnat; ip daddr 127.0.0.7 tcp dport 7777 snat to 127.0.0.5:2000-2019; }
  chain out { type nat hook output priority -100; ip daddr 127.0.0.8 udp dport 5300 dnat to 127.0.0.9:5301; }
  chain in { type filter hook input priority filter; udp dport 5301 drop; }
}`);
      for (const port of ['7777', '7778']) await script(TCP_SERVER, port);
      await script(UDP_SERVER, '127.0.0.9', '5302');
      await script(UDP_SERVER, '127.0.0.1', '5400');
      const isOpen = (port: number, count: number) =>
        until(`${count} connections to port ${port}`, async () => {
          const text = await host.must('ss', ['-Htn', 'state', 'established', `( dport = :${port} )`]);
          return text.split('\n').length - 1 >= count;
        });
      await until('the servers listen', async () => (await host.must('ss', ['-Hltn'])).includes(':7778'));
      const torn = await script(CLIENTS, '127.0.0.1', '7778', '15');
      await isOpen(7778, 15);
      await script(CLIENTS, '127.0.0.7', '7777', '30');
      await isOpen(7777, 20);
      await script(UDP_CLIENTS, '127.0.0.8', '5300', '2', '300');
      await script(UDP_CLIENTS, '127.0.0.1', '5400', '4', '1200');
      await until('datagrams are sent', async () => {
        const text = await host.must('conntrack', ['-L', '-p', 'udp']);
        return text.includes('dport=5300') && text.includes('dport=5400');
      });
      await host.must('conntrack', '-D -p tcp --dport 7778'.split(' '));

      await logFullTable(host, '1');
      const findings = await patient.examine('--for', '3s');
      const EXPECTED = ['insert_failed', 'NAT ports', 'stale backend', 'UDP timeout', 'invalid packets'];
      expect(checksOf(findings)).toEqual(expect.arrayContaining(EXPECTED));
      expect(named(findings, 'insert_failed')).toMatchObject({
        level: 'problem',
        found: expect.stringContaining('20 of 20 ports'),
      });
      await torn.stop();
      await patient.cure(named(findings, 'NAT ports'));
      await patient.cure(named(findings, 'UDP timeout'));
      // A live backend takes the place of the dead one, as kube-proxy does it; the flows stay where they are.
      await host.nft(
        'flush chain ip t out; add rule ip t out ip daddr 127.0.0.8 udp dport 5300 dnat to 127.0.0.9:5302',
      );
      await patient.cure(named(findings, 'stale backend'));
      await isOpen(7777, 30);
      // The new timeouts count from the next packet of each flow.
      await until('the timeouts are the new ones', async () => {
        const text = await host.must('conntrack', ['-L', '-p', 'udp', '--dport', '5400']);
        const left = [...text.matchAll(/^udp +17 (\d+) /gm)].map(([, seconds]) => Number(seconds));
        return left.length === 4 && left.every((seconds) => seconds > 10);
      });
      await logFullTable(host);
      const after = await patient.examine('--for', '3s');
      expect(checksOf(after).filter((check) => EXPECTED.includes(check))).toEqual([]);
      expect(named(after, 'kernel log')).toMatchObject({
        level: 'problem',
        found: expect.stringMatching(/ [1-9]\d* about other network namespaces/),
      });
    });
  });
});

describe('the doctor on rules', () => {
  const CASES: readonly (readonly [chain: string, rules: string, checks: readonly string[]])[] = [
    [
      'hook forward priority filter; policy drop;',
      'iifname "lan" ct state new accept',
      ['problem rules: forward'],
    ],
    [
      'hook input priority filter; policy drop;',
      'ct state established accept; tcp dport 22 ct state new accept',
      ['warning rules: input'],
    ],
    [
      'hook forward priority filter; policy drop;',
      'ct state established,related accept; ct state new accept',
      [],
    ],
    ['hook prerouting priority raw;', 'ct state invalid drop', ['problem rules: too early']],
    ['hook prerouting priority mangle;', 'ct state invalid drop', []],
    ['hook prerouting priority raw;', 'counter notrack', ['problem rules: notrack']],
    ['hook prerouting priority raw;', 'udp dport 53 notrack', []],
  ];

  test('that harm connection tracking names the command that mends them', async () => {
    await withPatient(async (patient) => {
      const { host } = patient;
      const findings = async () => {
        const ruleSet = parseNftRules(await host.must('nft', ['-j', 'list', 'ruleset']))!;
        return checkTrackingRules({ ruleSet } as unknown as Facts);
      };
      for (const [chain, rules, checks] of CASES) {
        await host.nft(`flush ruleset\ntable ip t { chain c { type filter ${chain}; ${rules}; }; }`);
        const found = await findings();
        expect([rules, ...found.map(({ level, check }) => `${level} ${check}`)]).toEqual([rules, ...checks]);
        for (const finding of found) await patient.cure(finding);
        expect([rules, ...(await findings())]).toEqual([rules]);
      }
    });
  });
});

describe.concurrent('the doctor on a pair', () => {
  test('is silent while all is well, and sees a dead peer, a cache that lacks flows, and nodes that differ', async () => {
    await withLab({ syncLinks: 2 }, async (lab) => {
      const tools = await toolsIn(lab.directory);
      const configuration = { mode: 'FTFW', transport: 'UDP', inGeneral: ['HashLimit 10000000'] } as const;
      const options = { program: ourProgram, configuration };
      await lab.startNodes({ a: options, b: options });
      const patientOf = (firewall: Firewall) =>
        new Patient(firewall.namespace, firewall.node().paths.configuration, tools);
      const a = patientOf(lab.a);
      const connection = await lab.connect();
      await lab.a.load(tcpLoad(2000, { timeout: 432_000 }));
      await openCrowd(lab.client, lab.server, {
        address: ADDRESSES.server.v4,
        port: 7100,
        count: 200,
        intervalMs: 250,
      });
      const equal = () =>
        until('equal caches', async () => {
          const { internal } = await lab.a.node().sizes();
          return internal > 2200 && internal === (await lab.b.node().sizes()).external;
        });
      await equal();
      await lab.replicated(connection);
      // What stands in the laboratory's rules and settings is not what goes on.
      const [setup, well] = await Promise.all([a.examine('--for', '1s'), a.status()]);
      const goesOn = checksOf(setup).filter((check) => !/^(net\.|rules in|tracking|kernel log)/.test(check));
      expect(goesOn).toEqual([]);
      expect(well.text).toMatch(/^OK: .*\n(.*\n)*peer +last heard 0\.\d s ago/);
      expect(well.code).toBe(0);

      const jsonOfB = join(lab.directory, 'b.json');
      const askB = async () => {
        const args = [...ourProgram.args, 'status', '-C', lab.b.node().paths.configuration, '--json'];
        const quoted = [ourProgram.command, ...args].map((word) => `'${word}'`).join(' ');
        await lab.b.namespace.run('sh', ['-c', `${quoted} > ${jsonOfB}`]);
      };
      await lab.b.node().command('-f', 'external');
      await askB();
      expect(mistakesIn('status', JSON.parse(await readFile(jsonOfB, 'utf8')))).toEqual([]);
      const pair = named(await a.examine('--for', '1s', '--peer', jsonOfB), 'pair');
      expect(pair.found).toMatch(/our internal cache has \d+ flows, their external cache 0/);
      await a.cure(pair);
      await equal();
      await askB();
      const compare = `'${process.execPath}' '${ourProgram.args[0]}' doctor -C '${lab.a.node().paths.configuration}' --for 1s --peer -`;
      const compared = await lab.a.namespace.run('sh', ['-c', `${compare} < '${jsonOfB}'`]);
      expect(compared.stdout).toMatch(
        /^ok +pair +both nodes are configured alike, and have the same flows$/m,
      );

      await lab.b.node().kill();
      await lab.a.namespace.sysctl({ 'net.netfilter.nf_conntrack_events': 0 });
      await lab.a.load(tcpLoad(600, { first: 5000, timeout: 432_000 }));
      await until('the peer is missed', async () => (await a.status()).text.includes('WARNING peer: silent'));
      const deaf = await a.examine('--for', '1s');
      expect(named(deaf, 'peer').advice).toContain('is the daemon running');
      await a.cure(named(deaf, 'net.netfilter.nf_conntrack_events'));
      await a.cure(named(deaf, 'caches'));
      await lab.b.start(options);
      await until('the cache has them, and the peer is heard', async () => {
        const { text } = await a.status();
        return !/(PROBLEM caches|WARNING peer):/.test(text);
      });
    });
  });

  test('sees by what comes over the links whether the peer of a C node lives', async () => {
    await withLab({ syncLinks: 1 }, async (lab) => {
      const configuration = { mode: 'NOTRACK', transport: 'UDP' } as const;
      await lab.startNodes({
        a: { program: cProgram, configuration },
        b: { program: ourProgram, configuration },
      });
      await lab.settled();
      const { namespace } = lab.a;
      const a = new Patient(namespace, lab.a.node().paths.configuration, lab.directory);
      expect(checksOf(await a.examine('--for', '2s'))).not.toContain('peer');
      await lab.b.node().kill();
      const peer = named(await a.examine('--for', '5s'), 'peer');
      expect([peer.level, peer.found]).toEqual(['warning', expect.stringMatching(/^silent for [5-9] s/)]);
    });
  });
});
