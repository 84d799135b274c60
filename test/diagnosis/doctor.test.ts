import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { findingsJson, findingsText, runDoctor } from '../../src/cli/doctor/doctor.ts';
import { examine } from '../../src/diagnosis/checks.ts';
import type { Finding } from '../../src/diagnosis/finding.ts';
import { checkFill } from '../../src/diagnosis/kernel/check-fill.ts';
import * as kernelChecks from '../../src/diagnosis/kernel/check-settings.ts';
import * as configurationChecks from '../../src/diagnosis/node/check-configuration.ts';
import * as daemonChecks from '../../src/diagnosis/node/check-daemon.ts';
import * as processChecks from '../../src/diagnosis/node/check-process.ts';
import type { Facts, InterfaceFact } from '../../src/facts/facts.ts';
import { configuration, DEVICE, HEALTHY, LINK, withSettings } from './healthy.ts';
import { C_NODE, link, NETWORK, OURS, sides } from './running.ts';

/** Level and text of all findings that are not `ok`. */
function trouble(findings: readonly Finding[]): string[] {
  return findings.filter(({ level }) => level !== 'ok').map(({ level, found }) => `${level}: ${found}`);
}

function only(findings: readonly Finding[]): Finding {
  expect(findings).toHaveLength(1);
  return findings[0]!;
}

describe('the doctor', () => {
  it('finds nothing on a healthy machine', () => {
    expect(trouble(examine(HEALTHY))).toEqual([]);
    expect(examine(HEALTHY).length).toBeGreaterThan(15);
  });

  it('advises what to do about everything that is not ok, except what it could not see', () => {
    const sick: Facts = {
      ...withSettings({
        'net.netfilter.nf_conntrack_events': 0,
        'net.netfilter.nf_conntrack_tcp_loose': 1,
        'net.netfilter.nf_conntrack_helper': 1,
        'net.netfilter.nf_conntrack_buckets': 1024,
        'net.netfilter.nf_conntrack_count': 0,
      }),
      node: '18.0.0',
      nativeTrouble: 'cannot load koffi',
      rules: false,
      interfaces: {},
      memoryLimit: 1,
      clock: { now: 0, installed: 1 },
    };
    const findings = examine(sick).filter(({ level }) => level === 'warning' || level === 'problem');
    expect(findings.length).toBeGreaterThan(8);
    for (const { advice } of findings) expect(advice).toBeTruthy();
  });

  it('names the event loop that a daemon would use, and warns where it cannot poll directly', () => {
    const finding = (eventLoop: Facts['eventLoop']) =>
      examine({ ...HEALTHY, eventLoop })
        .filter(({ check }) => check === 'event loop')
        .map(({ level, found }) => [level, found]);
    expect(finding(HEALTHY.eventLoop)).toEqual([['ok', 'direct polling']]);
    const chosen = 'libuv (CONNTRACKD_TS_EVENT_LOOP=libuv)';
    expect(finding({ description: chosen, warnings: [] })).toEqual([['ok', chosen]]);
    const description = 'libuv, because this Node has no process._tickCallback';
    expect(finding({ description, trouble: 'no', warnings: ['wrong'] })).toEqual([
      ['warning', description],
      ['warning', 'wrong'],
    ]);
  });

  it('runs on this machine as it is, whoever runs it, and names a configuration that is not there', async () => {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const printed = text(stdout);
    const code = await runDoctor(['-C', '/nowhere/conntrackd.conf', '--for', '1s', '--json'], {
      stdout,
      stderr,
    });
    stdout.end();
    const { findings, problems } = JSON.parse(await printed) as { findings: Finding[]; problems: number };
    expect(code).toBe(1);
    expect(problems).toBeGreaterThan(0);
    expect(findings.find(({ check }) => check === 'configuration')).toMatchObject({
      level: 'problem',
      found: expect.stringContaining('/nowhere/conntrackd.conf'),
    });
  });

  it('refuses arguments that it does not know', async () => {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    expect(await runDoctor(['--all'], { stdout, stderr })).toBe(1);
    stderr.end();
    expect(await text(stderr)).toMatch(/^doctor: .*\nUsage: conntrackd-ts doctor/);
  });

  it('prints a line for each finding, advice below it, and a sum', () => {
    const findings: Finding[] = [
      { check: 'one', level: 'ok', found: 'fine' },
      { check: 'three', level: 'problem', found: 'bad', advice: 'mend it' },
    ];
    expect(findingsText(findings)).toBe(
      'problem  three  bad\n                -> mend it\nok       one    fine\n\n1 problem, 0 warnings\n',
    );
    const { facts, ...rest } = JSON.parse(findingsJson(findings, HEALTHY));
    expect(rest).toEqual({ schema: 1, problems: 1, warnings: 0, unseen: 0, findings: findings.toReversed() });
    expect(facts).toMatchObject({ version: 1, ctnetlink: { table: { flows: 1000 } } });
  });
});

describe('privileges', () => {
  it('of another user leave things unseen, and are no problem', () => {
    const facts: Facts = {
      ...HEALTHY,
      privileges: { root: false, netAdmin: false },
      ctnetlink: { kind: 'trouble', message: 'ctnetlink: Operation not permitted (EPERM)' },
      configuration: { path: 'x', trouble: "x: EACCES: permission denied, open 'x'" },
      lock: undefined,
      socket: undefined,
    };
    const findings = examine(facts);
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([]);
    expect(findings.filter(({ level }) => level === 'unseen').map(({ check }) => check)).toEqual([
      'privileges',
      'ctnetlink',
      'configuration',
    ]);
  });

  it('that root lacks, as in a container, are a problem', () => {
    const facts = { ...HEALTHY, privileges: { root: true, netAdmin: false } };
    expect(only(processChecks.checkPrivileges(facts)).level).toBe('problem');
  });
});

describe('the configuration', () => {
  it('is checked with its warnings and for what this program lacks', () => {
    const facts = {
      ...HEALTHY,
      configuration: configuration({
        general: 'NetlinkBufferSize 99999999\nSystemd off\nUNIX { Backlog 3 }',
      }),
    };
    expect(trouble(configurationChecks.checkConfiguration(facts))).toEqual([
      expect.stringMatching(/^warning: line \d+: .*backlog/i),
      expect.stringMatching(/^warning: NetlinkBufferSize \(99999999\)/),
    ]);
  });
});

describe('a link', () => {
  const of = (device: InterfaceFact | undefined, link = LINK): string[] =>
    trouble(
      configurationChecks.checkLinks({
        ...HEALTHY,
        configuration: configuration({ link }),
        interfaces: { eth1: device, eth2: DEVICE },
      }),
    );

  it.each([
    ['is not there', undefined, 'problem: there is no such interface'],
    ['is down', { ...DEVICE, up: false }, 'problem: the interface is down'],
    ['has no carrier', { ...DEVICE, running: false }, 'problem: the interface has no carrier'],
    [
      'has another address',
      { ...DEVICE, addresses: ['10.1.1.1'] },
      'problem: it has not the address 10.9.1.1, but 10.1.1.1',
    ],
    [
      'has the peer’s address',
      { ...DEVICE, addresses: ['10.9.1.1', '10.9.1.2'] },
      "problem: the peer's address 10.9.1.2 is our own",
    ],
    ['has a small MTU', { ...DEVICE, mtu: 576 }, 'warning: MTU 576'],
  ] as const)('whose interface %s', (_, device, found) => {
    expect(of(device)).toEqual([found]);
  });

  it('of multicast needs an interface with multicast', () => {
    const link = `Multicast { IPv4_address 225.0.0.50
      IPv4_interface 10.9.1.1
      Group 3780
      Interface eth1
    }`;
    const two = configuration({ link });
    const facts = {
      ...HEALTHY,
      configuration: two,
      interfaces: { eth1: { ...DEVICE, multicast: false }, eth2: DEVICE },
    };
    expect(trouble(configurationChecks.checkLinks(facts))).toContain(
      'problem: the interface has no multicast',
    );
  });

  it('knows an IPv6 address in whatever form it is written', () => {
    const link = `UDP { IPv6_address fd00:0:0::1
      IPv6_Destination_Address fd00::2
      Port 3780
      Interface eth1
    }`;
    const device = { ...DEVICE, addresses: ['fd00::1'] };
    const facts = {
      ...HEALTHY,
      configuration: configuration({ link }),
      interfaces: { eth1: device, eth2: device },
    };
    expect(trouble(configurationChecks.checkLinks(facts))).toEqual([]);
  });

  it('asks for buffers that the system allows, or that a privilege overrides', () => {
    const link = LINK.replace('Port', 'RcvSocketBuffer 1000000\nPort');
    const facts = { ...HEALTHY, configuration: configuration({ link }) };
    expect(trouble(configurationChecks.checkBuffers(facts))).toEqual([]);
    const plain = { ...facts, privileges: { root: false, netAdmin: false } };
    expect(trouble(configurationChecks.checkBuffers(plain))).toEqual([
      'warning: 212992, less than RcvSocketBuffer 1000000',
    ]);
  });
});

describe('lock file and control socket', () => {
  const lock = (exists: boolean, pid?: number, locked?: boolean) => ({ exists, pid, locked });

  it.each([
    ['nothing', lock(false), 'absent', 'ok', 'ok'],
    ['a live daemon of ours', lock(true, 5, true), 'listening', 'ok', 'ok'],
    ['a live C node', lock(true, undefined, false), 'listening', 'ok', 'ok'],
    ['what a crashed daemon of ours left', lock(true, 5, false), 'stale', 'ok', 'ok'],
    ['what a crashed C node left', lock(true, undefined, false), 'stale', 'problem', 'ok'],
    ['a daemon whose lock file was removed', lock(false), 'listening', 'warning', 'ok'],
    ['a file in the way of the socket', lock(false), 'no-socket', 'ok', 'problem'],
    ['no permission', lock(true, 5, undefined), 'denied', 'unseen', 'unseen'],
  ] as const)('%s', (_, fact, socket, lockLevel, socketLevel) => {
    const facts: Facts = { ...HEALTHY, lock: fact, socket };
    expect(only(daemonChecks.checkLock(facts)).level).toBe(lockLevel);
    expect(only(daemonChecks.checkSocket(facts)).level).toBe(socketLevel);
  });

  it('other nodes in this network namespace are listed', () => {
    const node = (pid: number, here: boolean | undefined) => ({ pid, name: 'conntrackd', here });
    const found = (facts: Partial<Facts>) =>
      only(processChecks.checkProcesses({ ...HEALTHY, ...facts })).level;
    expect(found({ processes: [node(1, false), node(2, undefined)] })).toBe('ok');
    expect(found({ processes: [node(1, true)], socket: 'listening' })).toBe('ok');
    expect(found({ processes: [node(1, true)] })).toBe('warning');
    expect(found({ processes: [node(1, true), node(2, true)], socket: 'listening' })).toBe('warning');
  });
});

describe('a daemon that answers', () => {
  it('may have lost, refused or misunderstood something', () => {
    const cache = { kind: 'cache', name: 'internal', active: 1, createNoSpace: 5 } as const;
    const facts: Facts = {
      ...HEALTHY,
      socket: 'listening',
      daemon: {
        ...OURS,
        runtime: { overruns: 2, bufferSize: 4096, eventsFailed: 3 },
        flows: { ...sides(1, 1), internal: cache },
        network: {
          lost: 7,
          malformed: 8,
          peer: { ...NETWORK.peer!, old: true, recognised: true, version: '1.4.6' },
        },
        links: [link({ errorsSent: 9 }), link({ device: 'eth2', status: 'DOWN', active: false })],
        queues: { nodes: 1, queues: [{ name: 'rsqueue', elements: 1, maximum: 2, noSpace: 4 }] },
      },
    };
    expect(trouble(daemonChecks.checkDaemon(facts))).toEqual([
      'warning: 2 times events were lost, with a buffer of 4096 bytes',
      'warning: 3 events could not be read',
      'problem: 5 records were refused by the internal cache: HashLimit was reached',
      'warning: queue rsqueue was full 4 times, and holds 1 of 2 now',
      'warning: 7 messages from the peer were lost',
      'warning: 8 messages were malformed',
      'warning: conntrackd 1.4.6 or older (recognised by its messages)',
      'warning: 9 errors on sending, 0 on receiving',
      'warning: DOWN',
    ]);
    expect(trouble(daemonChecks.checkDaemon({ ...HEALTHY, socket: 'listening', daemon: C_NODE }))).toEqual(
      [],
    );
  });

  it('tells what its links refused, and what to do about it', () => {
    const found = (refused: Readonly<Record<string, { count: number; last: string }>>) => {
      const daemon = { ...OURS, links: [link({ refused })] };
      return daemonChecks
        .checkDaemon({ ...HEALTHY, socket: 'listening', daemon })
        .filter(({ check }) => check === 'daemon: senders' || check === 'daemon: key');
    };
    const { device } = link();
    const some = { count: 7, last: '192.0.2.9' };
    expect(found({ unproved: some })).toEqual([]);
    expect(only(found({ sender: some }))).toMatchObject({
      check: 'daemon: senders',
      level: 'warning',
      found: `refused because of the sender: 7 on ${device}, the last of 192.0.2.9`,
      advice: expect.stringContaining('name it in senders of [links]'),
    });
    for (const reason of ['unsealed', 'sealed', 'other-key']) {
      expect(only(found({ [reason]: some }))).toMatchObject({
        check: 'daemon: key',
        level: 'warning',
        found: `refused because of the key: 7 ${reason} on ${device}, the last of 192.0.2.9`,
        advice: expect.stringContaining('give all nodes the same key_file'),
      });
    }
    for (const reason of ['forged', 'replayed']) {
      expect(only(found({ [reason]: some })).advice).toContain('changes or repeats');
    }
  });

  it('or does not', () => {
    expect(only(daemonChecks.checkDaemon({ ...HEALTHY, socket: 'listening' })).level).toBe('problem');
    expect(daemonChecks.checkDaemon(HEALTHY)).toEqual([]);
  });
});

describe('the kernel’s table', () => {
  it('that is nearly full is reported with what fills it', () => {
    const at = (count: number) =>
      only(checkFill(withSettings({ 'net.netfilter.nf_conntrack_count': count })));
    expect(at(1000).level).toBe('ok');
    expect(at(220_000).level).toBe('warning');
    expect(at(262_000)).toMatchObject({
      level: 'problem',
      found: '262000 of 262144 flows (99.9 %): tcp ESTABLISHED 900; most from 10.0.0.5 700; 5.0 % evictable',
      commands: ['sysctl -w net.netfilter.nf_conntrack_max=524288'],
    });
  });

  it('is held against HashLimit', () => {
    const level = (limit: number, count: number) =>
      only(
        kernelChecks.checkHashLimit({
          ...withSettings({ 'net.netfilter.nf_conntrack_count': count }),
          configuration: configuration({ general: `HashLimit ${limit}` }),
        }),
      ).level;
    expect(level(524_288, 10)).toBe('ok');
    expect(level(65_536, 10)).toBe('warning');
    expect(level(65_536, 70_000)).toBe('problem');
  });

  it('that is empty is so because nothing happens, or because nothing asks for a state', () => {
    const level = (rules: boolean | undefined) =>
      only(kernelChecks.checkTracking({ ...withSettings({ 'net.netfilter.nf_conntrack_count': 0 }), rules }))
        .level;
    expect([level(true), level(false), level(undefined)]).toEqual(['ok', 'warning', 'unseen']);
  });

  it('that is not there at all is a problem', () => {
    const facts = withSettings({ 'net.netfilter.nf_conntrack_count': undefined });
    expect(only(checkFill(facts)).level).toBe('problem');
  });
});

describe('zones', () => {
  it('of one direction alone are a warning: such flows are not replicated', () => {
    const { table } = HEALTHY.ctnetlink as { table: object };
    const withZones = (directionalZones: number): Facts => ({
      ...HEALTHY,
      ctnetlink: { ...HEALTHY.ctnetlink, table: { ...table, directionalZones } } as Facts['ctnetlink'],
    });
    expect(kernelChecks.checkZones(withZones(0))).toEqual([]);
    expect(only(kernelChecks.checkZones(withZones(4)))).toMatchObject({
      level: 'warning',
      found: expect.stringContaining('4 flows'),
    });
  });
});

describe('kernel settings', () => {
  it.each([
    ['nf_conntrack_events', 0, 'problem'],
    ['nf_conntrack_tcp_loose', 1, 'warning'],
    ['nf_conntrack_helper', 1, 'warning'],
    ['nf_conntrack_buckets', 16_384, 'warning'],
    ['nf_conntrack_acct', 1, 'ok'],
    ['nf_conntrack_tcp_be_liberal', 1, 'ok'],
  ] as const)('%s = %i: %s', (name, value, level) => {
    const setting = `net.netfilter.${name}` as const;
    const found = kernelChecks
      .checkSettings(withSettings({ [setting]: value }))
      .find(({ check }) => check === setting);
    expect(found?.level).toBe(level);
  });

  it('nf_conntrack_events = 2 is explained: some flows make no events', () => {
    const found = kernelChecks
      .checkSettings(withSettings({ 'net.netfilter.nf_conntrack_events': 2 }))
      .find(({ check }) => check === 'net.netfilter.nf_conntrack_events');
    expect(found).toMatchObject({ level: 'ok', found: expect.stringContaining('makes no events') });
  });

  it('nf_conntrack_tcp_be_liberal makes TCPWindowTracking useless', () => {
    const facts = {
      ...withSettings({ 'net.netfilter.nf_conntrack_tcp_be_liberal': 1 }),
      configuration: configuration({ options: 'TCPWindowTracking On' }),
    };
    expect(trouble(kernelChecks.checkSettings(facts))).toEqual([
      expect.stringContaining('TCPWindowTracking'),
    ]);
  });

  it('a helper whose expectations are replicated needs its module', () => {
    const facts = {
      ...HEALTHY,
      configuration: configuration({ options: 'ExpectationSync { ftp\nras\nsip\n}' }),
    };
    expect(kernelChecks.checkHelpers(facts).map(({ check, level }) => [check, level])).toEqual([
      ['helper ftp', 'ok'],
      ['helper ras', 'ok'],
      ['helper sip', 'warning'],
    ]);
  });
});
