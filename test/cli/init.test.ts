import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInit } from '../../src/cli/init/init.ts';
import type { Machine } from '../../src/cli/init/machine.ts';
import { otherEnd } from '../../src/cli/init/network.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { parseSettings } from '../../src/settings/parse.ts';

const MACHINE: Machine = {
  name: 'fw1',
  interfaces: [
    { name: 'lan0', addresses: [{ address: '192.0.2.2', prefixLength: 24 }] },
    { name: 'wan0', addresses: [{ address: '2001:db8::2', prefixLength: 64 }] },
    { name: 'sync0', addresses: [{ address: '10.0.0.1', prefixLength: 30 }] },
    { name: 'sync1', addresses: [{ address: 'fd00::1', prefixLength: 64 }] },
  ],
  tableLimit: 1_000_000,
};

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'init-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Runs the command, on a terminal where there are answers. */
async function init(args: readonly string[], answers?: readonly string[], machine = MACHINE) {
  const text = { stdout: '', stderr: '' };
  const into = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk, _encoding, done) {
        text[name] += chunk;
        done();
      },
    });
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  if (answers !== undefined) stdin.isTTY = true;
  stdin.end((answers ?? []).map((line) => `${line}\n`).join(''));
  const code = await runInit(args, { stdin, stdout: into('stdout'), stderr: into('stderr') }, () => machine);
  return { code, ...text };
}

const LINK = ['--interface', 'sync0', '--peer', '10.0.0.2'];
const read = (path: string) => readFileSync(join(directory, path), 'utf8');

describe('init', () => {
  it('shows the files of both nodes, and writes nothing unless it is told to', async () => {
    const { code, stdout, stderr } = await init(LINK);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.match(/^--- .*$/gm)).toEqual(['--- conntrackd.conf', '--- peer/conntrackd.conf']);
    expect(stdout).toMatch(/Nothing was written/);
  });

  it('writes configurations that mirror each other, sized for the kernel’s table', async () => {
    const second = ['--second-interface', 'sync1', '--second-peer', 'fd00::2', '--mode', 'notrack'];
    expect(await init([...LINK, ...second, '--write', directory])).toMatchObject({ code: 0, stderr: '' });
    const [own, peer] = ['conntrackd.conf', 'peer/conntrackd.conf'].map(
      (path) => parseConfig(read(path), path).config,
    );
    for (const config of [own!, peer!]) {
      expect(config.general.hashLimit).toBe(2_000_000);
      expect(config.mode === 'sync' && config.sync.links.length).toBe(2);
    }
    expect(read('conntrackd.conf')).toMatch(
      /UDP Default \{\s+IPv4_address 10.0.0.1\s+IPv4_Destination_Address 10.0.0.2\s+Port 3780\s+Interface sync0[^}]+\}\s+UDP \{\s+IPv6_address fd00::1\s+IPv6_Destination_Address fd00::2/,
    );
    expect(read('peer/conntrackd.conf')).toMatch(
      /IPv4_address 10.0.0.2\s+IPv4_Destination_Address 10.0.0.1[^}]+\}\s+UDP \{\s+IPv6_address fd00::2\s+IPv6_Destination_Address fd00::1/,
    );
    const ignored = [...read('conntrackd.conf').matchAll(/^ {12}IPv\d_address (\S+)$/gm)].map(
      ([, each]) => each,
    );
    expect(ignored).toEqual(['127.0.0.1', '::1', '192.0.2.2', '2001:db8::2', '10.0.0.1', 'fd00::1']);
    expect(existsSync(join(directory, 'conntrackd-ts.toml'))).toBe(false);
  });

  it('makes the settings and what keepalived needs, addresses of another family apart', async () => {
    const virtual = ['--virtual', '192.0.2.1/24,2001:db8::1/64', '--virtual', '198.51.100.1/28@wan0'];
    const { code } = await init([...LINK, ...virtual, '--guard', '--router-id', '7', '--write', directory]);
    expect(code).toBe(0);
    const { failover } = parseSettings(read('conntrackd-ts.toml'), 'x');
    expect(failover).toMatchObject({
      keepalivedFifo: '/run/conntrackd-ts.fifo',
      source: { kind: 'instance', name: 'VI_1' },
      guard: { interfaces: ['lan0', 'wan0'] },
    });
    const snippet = read('keepalived-snippet.conf');
    expect(snippet).toMatch(/vrrp_notify_fifo \/run\/conntrackd-ts.fifo/);
    expect(snippet).toMatch(/virtual_router_id 7\n +priority 150/);
    expect(snippet).toMatch(
      /virtual_ipaddress \{\s+192.0.2.1\/24 dev lan0\s+198.51.100.1\/28 dev wan0\s+\}\s+virtual_ipaddress_excluded \{\s+2001:db8::1\/64 dev wan0\s+\}\s+track_interface \{\s+wan0\s+\}/,
    );
    expect(read('peer/keepalived-snippet.conf')).toBe(snippet.replace('priority 150', 'priority 100'));
    expect(read('peer/conntrackd.conf')).toContain('IPv4_address 192.0.2.1\n');
  });

  it('leaves keepalived’s own instance alone where only its name is given', async () => {
    await init([...LINK, '--instance', 'OFFICE', '--write', directory]);
    expect(read('keepalived-snippet.conf')).not.toContain('vrrp_instance');
    expect(parseSettings(read('conntrackd-ts.toml'), 'x').failover.source?.name).toBe('OFFICE');
  });

  it('overwrites nothing, and then writes nothing at all', async () => {
    mkdirSync(join(directory, 'peer'));
    writeFileSync(join(directory, 'peer/conntrackd.conf'), 'mine');
    const { code, stderr } = await init([...LINK, '--instance', 'I', '--write', directory]);
    expect([code, stderr]).toEqual([
      1,
      `init: ${directory}/peer/conntrackd.conf exists, and is left as it is: nothing was written\n`,
    ]);
    expect(readdirSync(directory, { recursive: true }).sort()).toEqual(['peer', 'peer/conntrackd.conf']);
    expect(read('peer/conntrackd.conf')).toBe('mine');
  });

  it('adds settings below comments, as the package installs them, but not to settings', async () => {
    const path = join(directory, 'conntrackd-ts.toml');
    writeFileSync(path, '# a comment\n\n#[links]\n');
    expect(await init([...LINK, '--instance', 'I', '--write', directory])).toMatchObject({ code: 0 });
    expect(read('conntrackd-ts.toml')).toMatch(/^# a comment\n\n#\[links\]\n\n# Written by/);

    for (const name of ['conntrackd.conf', 'keepalived-snippet.conf', 'peer']) {
      rmSync(join(directory, name), { recursive: true });
    }
    const before = read('conntrackd-ts.toml');
    expect(await init([...LINK, '--instance', 'I', '--write', directory])).toMatchObject({ code: 1 });
    expect(read('conntrackd-ts.toml')).toBe(before);
  });

  it('adds nothing where another file of the pair is there already', async () => {
    writeFileSync(join(directory, 'conntrackd-ts.toml'), '# a comment\n');
    mkdirSync(join(directory, 'peer'));
    writeFileSync(join(directory, 'peer/conntrackd-ts.toml'), '[links]\n');
    const { code, stderr } = await init([...LINK, '--instance', 'I', '--write', directory]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('peer/conntrackd-ts.toml exists')]);
    expect(read('conntrackd-ts.toml')).toBe('# a comment\n');
    expect(existsSync(join(directory, 'conntrackd.conf'))).toBe(false);
  });

  it('says in one line why the system does not let it write', async () => {
    writeFileSync(join(directory, 'file'), '');
    const { code, stderr } = await init([...LINK, '--write', join(directory, 'file/below')]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^init: E\w+: .*: nothing was written\n$/)]);
  });

  it('asks on a terminal for what is missing, with the other end of a network of two as the answer', async () => {
    const { code, stdout, stderr } = await init([], ['sync0', '', '192.0.2.1/24', 'no']);
    expect(code).toBe(0);
    expect(stderr).toContain('Interface of the dedicated link (lan0 192.0.2.2/24, ');
    expect(stderr).toContain("The peer's address on it [10.0.0.2]: ");
    expect(stderr).toMatch(/Write these files into \/etc\/conntrackd\? \[y\/N\]: $/);
    expect(stdout).toContain('IPv4_Destination_Address 10.0.0.2');
    expect(stdout).toContain('vrrp_instance VI_1');
    expect(stdout).toMatch(/Nothing was written: .*\n$/);
  });

  it('takes the end of the input for no', async () => {
    expect(await init(LINK, [])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Nothing was written'),
    });
  });

  it.each<[string, readonly string[]]>([
    ['--interface is missing: the dedicated link, one of lan0 192.0.2.2/24', []],
    ["--peer is missing: the peer's address", ['--interface', 'sync0']],
    [
      'interface eth9: not here, or without an address; those that have one: lan0, wan0, sync0, sync1',
      ['--interface', 'eth9', '--peer', '10.0.0.2'],
    ],
    ["10.0.0.1 is this machine's own address on sync0", ['--interface', 'sync0', '--peer', '10.0.0.1']],
    [
      '10.0.0.5 is in no network of sync0, which has 10.0.0.1/30',
      ['--interface', 'sync0', '--peer', '10.0.0.5'],
    ],
    ["found `10.0.0', expected an IPv4 or IPv6 address", ['--interface', 'sync0', '--peer', '10.0.0']],
    ["--mode: found `x', expected one of ftfw, notrack, alarm", [...LINK, '--mode', 'x']],
    ["--port: found `0', expected a number from 1 to 65535", [...LINK, '--port', '0']],
    ["--router-id: found `256', expected a number from 1 to 255", [...LINK, '--router-id', '256']],
    ["--instance: found `a b'", [...LINK, '--instance', 'a b']],
    ['--second-interface and --second-peer go together', [...LINK, '--second-peer', 'fd00::2']],
    ['both links are on sync0', [...LINK, '--second-interface', 'sync0', '--second-peer', '10.0.0.2']],
    ["found `192.0.2.1', expected a virtual address such as", [...LINK, '--virtual', '192.0.2.1']],
    ["found `/33' in 192.0.2.1/33", [...LINK, '--virtual', '192.0.2.1/33']],
    ['203.0.113.1 is in no network of this machine', [...LINK, '--virtual', '203.0.113.1/24']],
    ['--guard needs --virtual', [...LINK, '--guard']],
    ["Unknown option '--what'", [...LINK, '--what']],
  ])('refuses: %s', async (message, args) => {
    const { code, stdout, stderr } = await init([...args, '--write', directory]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`init: ${message}`);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('the other end of a network of two', () => {
  it.each([
    ['10.0.0.1', 30, '10.0.0.2'],
    ['10.0.0.6', 30, '10.0.0.5'],
    ['10.0.0.0', 31, '10.0.0.1'],
    ['fd00::1', 126, 'fd00::2'],
    ['fd00::ab00', 127, 'fd00::ab01'],
    ['10.0.0.1', 24, undefined],
    ['10.0.0.3', 30, undefined],
  ])('%s/%i: %s', (address, prefixLength, expected) => {
    expect(otherEnd({ address, prefixLength })).toBe(expected);
  });
});
