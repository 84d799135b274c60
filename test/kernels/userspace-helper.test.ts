// Needs a kernel with helpers in user space (nfnetlink_cthelper) and packet queues, and the program nfct.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openFtpSession, startFtpServer } from '../../sim/netns/ftp.ts';
import { cProgram, missingForLab, type Program, until } from '../../sim/netns/lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { run, runOrThrow } from '../../sim/netns/process.ts';
import { openScope, processesIn, type Scope } from '../../sim/netns/scope.ts';
import { ourProgram } from '../interop/programs.ts';

const MODULES = [
  'nfnetlink_cthelper',
  'nfnetlink_queue',
  'nf_conntrack_netlink',
  'nft_ct',
  'nft_objref',
  'nft_chain_nat',
  'nft_masq',
];
const CLIENT = '10.0.1.2';
const SERVER = '10.0.2.2';

let scope: Scope;
let client: Namespace;
let firewall: Namespace;
let server: Namespace;
let configuration: string;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'nfct', 'modprobe'])).toEqual([]);
  await runOrThrow('modprobe', ['-a', ...MODULES]);
  // The kernel's own FTP helper, which other tests use, stands in the way.
  await until('no FTP helper in the kernel', async () => {
    await runOrThrow('modprobe', ['-r', 'nf_nat_ftp', 'nf_conntrack_ftp']);
    return true;
  });
  scope = openScope('uh');
  client = await createNamespace(scope, 'c');
  firewall = await createNamespace(scope, 'f');
  server = await createNamespace(scope, 's');
  await firewall.ip(
    `link add client type veth peer name eth0 netns ${client.name}`,
    `link add server type veth peer name eth0 netns ${server.name}`,
    'addr add 10.0.1.1/24 dev client',
    'addr add 10.0.2.1/24 dev server',
    'link set client up',
    'link set server up',
  );
  await client.ip(`addr add ${CLIENT}/24 dev eth0`, 'link set eth0 up', 'route add default via 10.0.1.1');
  await server.ip(`addr add ${SERVER}/24 dev eth0`, 'link set eth0 up', 'route add default via 10.0.2.1');
  await firewall.sysctl({ 'net.ipv4.ip_forward': 1 });
  configuration = join(scope.directory, 'fw.conf');
  writeFileSync(
    configuration,
    `Helper {
  Type ftp inet tcp {
    QueueNum 3
    QueueLen 1024
    Policy ftp { ExpectMax 1
      ExpectTimeout 300 }
  }
}
General {
  LockFile ${join(scope.directory, 'fw.lock')}
  UNIX { Path ${join(scope.directory, 'fw.ctl')} }
  LogFile ${join(scope.directory, 'fw.log')}
}
`,
  );
  await startFtpServer(server, { port: 21, files: { hello: 'hello' }, patience: 20_000 });
});

afterEach(async () => {
  await scope.close();
  await run('nfct', ['helper', 'flush']);
});

function daemon(program: Program, ...args: readonly string[]) {
  return firewall.run(program.command, [...program.args, '-C', configuration, ...args]);
}

async function start(program: Program): Promise<void> {
  const { code, stderr } = await daemon(program, '-d');
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

async function stop(program: Program): Promise<void> {
  await daemon(program, '-k');
  await until('the daemon ended', () => processesIn(firewall.name).length === 0);
}

/** Rules that accept what is established or related and new control connections; `more` is another chain. */
async function loadRules(more = ''): Promise<void> {
  await firewall.nft(`table ip helpers {
    ct helper userspace-ftp { type "ftp" protocol tcp; l3proto ip; }
    chain prerouting {
      type filter hook prerouting priority -50;
      tcp dport 21 ct helper set "userspace-ftp"
    }
    chain forward {
      type filter hook forward priority 0; policy drop;
      ct state established,related accept
      tcp dport 21 ct state new accept
    }
    ${more}
  }`);
}

const MASQUERADE =
  'chain postrouting { type nat hook postrouting priority 100; oifname "server" masquerade; }';

/** Logs in and announces a port. */
async function announce() {
  const session = await openFtpSession(client, { address: SERVER, port: 21 }, CLIENT);
  const answer = await session.announce();
  return { session, answer };
}

/** The expectations, without what no two have in common: their time, and the ports that programs chose. */
async function expectations(): Promise<string[]> {
  const listed = await firewall.must('conntrack', ['-L', 'expect']);
  return listed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line
        .replace(/^\d+ /, '')
        .replace(/dport=\d{4,5}\b(?! class)/g, (port) => (port === 'dport=65535' ? port : 'dport=N')),
    )
    .map((line) => line.replace(/(master-dst=\S+ sport=)\d+/, '$1N'));
}

async function helpers(): Promise<string> {
  return (await runOrThrow('nfct', ['helper', 'list'])).replace(/\s+/g, ' ');
}

describe('an FTP helper in user space', () => {
  test('lets an active transfer through rules that accept related connections, and expects what C expects', async () => {
    const seen = new Map<Program, readonly string[]>();
    for (const program of [cProgram, ourProgram]) {
      if (program === cProgram) await runOrThrow('nfct', ['helper', 'add', 'ftp', 'inet', 'tcp']);
      await start(program);
      await loadRules();
      const { session } = await announce();
      seen.set(program, await expectations());
      session.request('hello');
      await session.answer(['226']);
      await until('the file', () => session.files().includes('hello'));
      await firewall.nft('flush ruleset');
      await firewall.run('conntrack', ['-F']);
      await stop(program);
      await runOrThrow('nfct', ['helper', 'flush']);
    }
    expect(seen.get(ourProgram)).toHaveLength(1);
    expect(seen.get(ourProgram)).toEqual(seen.get(cProgram));
  });

  test('rewrites the announcement of a translated client, and the sequence numbers go on', async () => {
    await start(ourProgram);
    await loadRules(MASQUERADE);
    const { session, answer } = await announce();
    expect(answer).toBe(`200 10.0.2.1:${session.dataPort}`);
    session.request('hello');
    await session.answer(['226']);
    await until('the file', () => session.files().includes('hello'));
    const { stdout } = await daemon(ourProgram, '-s', '--json');
    expect(JSON.parse(stdout).helpers.helpers).toMatchObject([
      { name: 'ftp', expectations: 1, rewritten: 1, dropped: 0, failed: 0 },
    ]);
  });
});

describe('what the daemon changes in the kernel', () => {
  test('is undone when it ends: created helpers are gone, others are as before, and port 21 answers', async () => {
    await start(ourProgram);
    expect(await helpers()).toContain(
      '.queuenum = 3, .l3protonum = 2, .l4protonum = 6, .priv_data_len = 24, .status = enabled',
    );
    await stop(ourProgram);
    expect(await helpers()).toBe('');

    await runOrThrow('nfct', ['helper', 'add', 'ftp', 'inet', 'tcp']);
    const before = await helpers();
    await start(ourProgram);
    expect(await helpers()).not.toBe(before);
    await loadRules();
    await stop(ourProgram);
    expect(await helpers()).toBe(before);
    await openFtpSession(client, { address: SERVER, port: 21 }, CLIENT);
  });

  test('is disabled soon after the daemon was killed, so that new connections pass', async () => {
    await start(ourProgram);
    await loadRules();
    process.kill(Number(readFileSync(join(scope.directory, 'fw.lock'), 'utf8')), 'SIGKILL');
    await until('the helper is disabled', async () => (await helpers()).includes('.status = disabled'));
    await openFtpSession(client, { address: SERVER, port: 21 }, CLIENT);
    expect(processesIn(firewall.name)).toEqual([]);
  });

  test('is nothing where another program has the queue, and the error names it', async () => {
    await runOrThrow('nfct', ['helper', 'add', 'ftp', 'inet', 'tcp']);
    await start(cProgram);
    const before = await helpers();
    const other = configuration.replace('fw.conf', 'other.conf');
    writeFileSync(other, readFileSync(configuration, 'utf8').replaceAll('/fw.', '/other.'));
    const { code, stderr } = await firewall.run(ourProgram.command, [...ourProgram.args, '-C', other, '-d']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /packet queue 3 is taken by another program \(netlink port \d+, mostly its process id\)/,
    );
    expect(await helpers()).toBe(before);
  });
});
