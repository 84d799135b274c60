// Needs a kernel with helpers in user space (nfnetlink_cthelper) and packet queues, and the program nfct.

import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openFtpSession, startFtpServer } from '../../sim/netns/ftp.ts';
import { cProgram, type Program, until } from '../../sim/netns/lab.ts';
import { runOrThrow } from '../../sim/netns/process.ts';
import { processesIn } from '../../sim/netns/scope.ts';
import { startSpeaker } from '../../sim/netns/speaker.ts';
import { settingsPath } from '../../src/settings/path.ts';
import { bytes } from '../helper/flows.ts';
import { ourProgram } from '../interop/programs.ts';
import {
  addHelpersFor,
  CLIENT,
  FTP,
  flushHelpers,
  type HelperLab,
  OUTSIDE,
  openHelperLab,
  SERVER,
} from './helper-lab.ts';

const PROGRAMS = [cProgram, ourProgram];

let lab: HelperLab;

beforeEach(async () => {
  lab = await openHelperLab();
  lab.configure([FTP]);
  await startFtpServer(lab.server, { port: 21, files: { hello: 'hello' }, patience: 20_000 });
});

afterEach(async () => {
  await lab.close();
});

/** Rules that accept what is established or related and new control connections; `more` is another chain. */
async function loadRules(more = ''): Promise<void> {
  await lab.firewall.nft(`table ip helpers {
    ct helper userspace-ftp { type "ftp" protocol tcp; l3proto ip; }
    chain prerouting {
      type filter hook prerouting priority -50;
      tcp dport { 21, 2121 } ct helper set "userspace-ftp"
    }
    chain forward {
      type filter hook forward priority 0; policy drop;
      ct state established,related accept
      tcp dport { 21, 2121 } ct state new accept
    }
    ${more}
  }`);
}

const MASQUERADE =
  'chain postrouting { type nat hook postrouting priority 100; oifname "server" masquerade; }';
const REDIRECT = `chain redirecting { type nat hook prerouting priority -100; ip daddr ${OUTSIDE[4]} dnat to ${SERVER[4]}; }`;

/** Logs in and announces a port. */
async function announce() {
  const session = await openFtpSession(lab.client, { address: SERVER[4], port: 21 }, CLIENT[4]);
  const answer = await session.announce();
  return { session, answer };
}

/** The expectations without the ports that programs chose. */
async function expectations(): Promise<string[]> {
  return (await lab.expectations()).map((line) =>
    line
      .replace(/dport=\d{4,5}\b(?! class)/g, (port) => (port === 'dport=65535' ? port : 'dport=N'))
      .replace(/(master-dst=\S+ sport=)\d+/, '$1N'),
  );
}

async function helpers(): Promise<string> {
  return (await runOrThrow('nfct', ['helper', 'list'])).replace(/\s+/g, ' ');
}

/** Runs `work` with a daemon of each kind, and with rules; returns what it saw with either. */
async function beside<T>(rules: string, work: () => Promise<T>): Promise<{ ours: T; c: T }> {
  const seen = new Map<Program, T>();
  for (const program of PROGRAMS) {
    await addHelpersFor(program, [FTP]);
    await lab.start(program);
    await loadRules(rules);
    seen.set(program, await work());
    await lab.firewall.nft('flush ruleset');
    await lab.firewall.run('conntrack', ['-F']);
    await lab.stop(program);
    await flushHelpers();
  }
  return { ours: seen.get(ourProgram)!, c: seen.get(cProgram)! };
}

async function counters() {
  const { stdout } = await lab.daemon(ourProgram, '-s', '--json');
  return JSON.parse(stdout).helpers;
}

describe('an FTP helper in user space', () => {
  test.each([
    ['', '', CLIENT[4]],
    [', translated', MASQUERADE, OUTSIDE[4]],
  ])(
    'lets an active transfer through rules that accept related connections, and expects what C expects%s',
    async (_, rules, seenAddress) => {
      const { ours, c } = await beside(rules, async () => {
        const { session, answer } = await announce();
        const lines = await expectations();
        session.request('hello');
        const outcome = await session.answer(['226', '425']);
        // The server was told of an address that it reaches.
        expect(answer).toBe(`200 ${seenAddress}:${session.dataPort}`);
        return { lines, outcome, session };
      });
      expect(ours.lines).toHaveLength(1);
      expect(ours.lines).toEqual(c.lines);
      expect(ours.outcome).toBe('226 Transfer complete');
      await until('the file', () => ours.session.files().includes('hello'));
      // C's expectation says nothing of the translation, as vendor-fixtures/netlink/helper-messages.json shows.
      if (rules === '') expect(c.outcome).toBe(ours.outcome);
    },
  );

  test('lets a passive transfer through to a server behind a translated address, as C does', async () => {
    const [client, server] = [await startSpeaker(lab.client), await startSpeaker(lab.server)];
    const CONTROL_PORT = 2121;
    const DATA_PORT = 50_010;
    const announced = (address: string) =>
      `227 Entering Passive Mode (${address.replaceAll('.', ',')},195,90)\r\n`;
    const { ours, c } = await beside(REDIRECT, async () => {
      const at = (address: string, port: number) => ({ transport: 'tcp', address, port }) as const;
      await server.serve(at(SERVER[4], CONTROL_PORT), [bytes('200 ok\r\n'), bytes(announced(SERVER[4]))]);
      await server.serve(at(SERVER[4], DATA_PORT), [bytes('data')]);
      const control = await client.talk(at(OUTSIDE[4], CONTROL_PORT), {
        localPort: 40_001,
        messages: [bytes('NOOP\r\n'), bytes('PASV\r\n')],
      });
      const lines = await expectations();
      const [data] = await client.talk(at(OUTSIDE[4], DATA_PORT), {
        localPort: 40_002,
        messages: [bytes('?')],
      });
      await client.hangUp();
      await server.hangUp();
      return { told: String(control[1]), lines, data: String(data) };
    });
    expect(ours).toEqual(c);
    expect(ours).toMatchObject({ told: announced(OUTSIDE[4]), data: 'data' });
    expect(ours.lines).toHaveLength(1);
  });

  test('counts what it rewrites', async () => {
    await lab.start(ourProgram);
    await loadRules(MASQUERADE);
    await announce();
    const { helpers } = await counters();
    expect(helpers).toMatchObject([{ name: 'ftp', dropped: 0, failed: 0 }]);
    const [{ expectations, rewritten }] = helpers;
    // On a slow machine TCP sends the command again, which is looked at and rewritten again.
    expect(rewritten).toBeGreaterThanOrEqual(1);
    expect(expectations).toBe(rewritten);
  });
});

describe('the options of a helper', () => {
  test('ExpectMax and ExpectTimeout are in force, as with C', async () => {
    const clause = { ...FTP, expectMax: 2, expectTimeout: 77 };
    lab.configure([clause]);
    const { ours, c } = await beside('', async () => {
      const client = await startSpeaker(lab.client);
      const ports = [20_001, 20_002, 20_003];
      await client.talk(
        { transport: 'tcp', address: SERVER[4], port: 21 },
        {
          localPort: 40_003,
          // The server's greeting counts as an answer: the last port is answered when the line behind it is sent.
          messages: ['USER x', 'PASS x', ...ports.map(portCommand), 'NOOP'].map((line) =>
            bytes(`${line}\r\n`),
          ),
        },
      );
      const expected = async () =>
        (await lab.firewall.must('conntrack', ['-L', 'expect']))
          .trim()
          .split('\n')
          .map((line) => ({
            seconds: Number(/^\d+/.exec(line)),
            port: /sport=0 dport=(\d+)/.exec(line)?.[1],
          }));
      // What a slow machine sent twice is answered twice: an answer may be to an earlier line.
      await until('the last port', async () => (await expected()).some(({ port }) => port === '20003'));
      const seen = await expected();
      await client.hangUp();
      return seen;
    });
    // The kernel lets the oldest go for a new one. That is either of the first two, if a slow machine sends a line twice.
    for (const seen of [ours, c]) {
      expect(seen).toHaveLength(2);
      expect(seen.map(({ port }) => port)).toContain('20003');
      for (const { seconds } of seen) {
        expect(seconds).toBeLessThanOrEqual(77);
        expect(seconds).toBeGreaterThan(20);
      }
    }
  });

  test('what finds no room in a queue of QueueLen packets goes on without a look', async () => {
    const QUEUE_LEN = 4;
    const SENT = 20;
    lab.configure([{ ...FTP, name: 'tftp', transport: 'udp', queueLen: QUEUE_LEN }]);
    const pid = await startAndFind();
    await lab.firewall.nft(`table ip helpers {
      ct helper userspace-tftp { type "tftp" protocol udp; l3proto ip; }
      chain prerouting { type filter hook prerouting priority -50; udp dport 69 ct helper set "userspace-tftp"; }
    }`);
    const [client, server] = [await startSpeaker(lab.client), await startSpeaker(lab.server)];
    const request = bytes('\0\x01hello\0octet\0');
    const to = { transport: 'udp', address: SERVER[4], port: 69 } as const;
    await server.serve(to, [bytes('heard')]);
    const answered: number[] = [];
    process.kill(pid, 'SIGSTOP');
    try {
      const waiting = Array.from({ length: SENT }, async (_, n) => {
        await client.talk(to, { localPort: 41_000 + n, messages: [request] });
        answered.push(n);
      });
      await until('the packets beyond the queue are answered', () => answered.length >= SENT - QUEUE_LEN);
      expect(answered).toHaveLength(SENT - QUEUE_LEN);
      expect(await queueColumns()).toMatchObject({ waiting: QUEUE_LEN });
      process.kill(pid, 'SIGCONT');
      await Promise.all(waiting);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect(answered).toHaveLength(SENT);
    const { packets, helpers } = await counters();
    // Answers are packets of the flow too.
    expect(packets).toBeGreaterThanOrEqual(QUEUE_LEN);
    expect(packets).toBeLessThan(2 * SENT);
    expect(helpers).toMatchObject([{ name: 'tftp', failed: 0, dropped: 0 }]);
  });
});

function portCommand(port: number): string {
  return `PORT ${CLIENT[4].replaceAll('.', ',')},${port >> 8},${port & 255}`;
}

async function startAndFind(): Promise<number> {
  await lab.start(ourProgram);
  return Number(readFileSync(lab.lockFile, 'utf8'));
}

/** Linux, nfnetlink_queue: number, port id, packets that wait, copy mode and range, packets dropped, by the socket, ... */
async function queueColumns(): Promise<{ waiting: number }> {
  const line = await lab.firewall.must('cat', ['/proc/net/netfilter/nfnetlink_queue']);
  return { waiting: Number(line.trim().split(/\s+/)[2]) };
}

describe('what the daemon changes in the kernel', () => {
  test('is undone when it ends: created helpers are gone, others are as before, and port 21 answers', async () => {
    await lab.start(ourProgram);
    expect(await helpers()).toContain(
      '.queuenum = 3, .l3protonum = 2, .l4protonum = 6, .priv_data_len = 24, .status = enabled',
    );
    await lab.stop(ourProgram);
    expect(await helpers()).toBe('');

    await addHelpersFor(cProgram, [FTP]);
    const before = await helpers();
    await lab.start(ourProgram);
    expect(await helpers()).not.toBe(before);
    await loadRules();
    await lab.stop(ourProgram);
    expect(await helpers()).toBe(before);
    await openFtpSession(lab.client, { address: SERVER[4], port: 21 }, CLIENT[4]);
  });

  test('is disabled soon after the daemon was killed, so that new connections pass', async () => {
    const pid = await startAndFind();
    await loadRules();
    process.kill(pid, 'SIGKILL');
    await until('the helper is disabled', async () => (await helpers()).includes('.status = disabled'));
    await openFtpSession(lab.client, { address: SERVER[4], port: 21 }, CLIENT[4]);
    expect(processesIn(lab.firewall.name)).toEqual([]);
  });

  test('is nothing where another program has the queue, and the error names it', async () => {
    await addHelpersFor(cProgram, [FTP]);
    await lab.start(cProgram);
    const before = await helpers();
    const other = lab.configuration.replace('fw.conf', 'other.conf');
    writeFileSync(other, readFileSync(lab.configuration, 'utf8').replaceAll('/fw.', '/other.'));
    const { code, stderr } = await lab.firewall.run(ourProgram.command, [
      ...ourProgram.args,
      '-C',
      other,
      '-d',
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /packet queue 3 is taken by another program \(netlink port \d+, mostly its process id\)/,
    );
    expect(await helpers()).toBe(before);
  });
});

/** The program that the kernel runs when it needs a module; of the whole machine. */
const KERNEL_MODPROBE = '/proc/sys/kernel/modprobe';

test('where the kernel lacks nfnetlink_cthelper the daemon does not start, or goes on without helpers', async () => {
  await runOrThrow('modprobe', ['-r', 'nfnetlink_cthelper']);
  const modprobe = readFileSync(KERNEL_MODPROBE, 'utf8');
  writeFileSync(KERNEL_MODPROBE, '/bin/false');
  try {
    for (const program of PROGRAMS) expect((await lab.daemon(program, '-d')).code).not.toBe(0);
    const { stderr } = await lab.daemon(ourProgram, '-d');
    expect(stderr).toContain('the kernel has no helpers in user space (load nfnetlink_cthelper, or build it');
    writeFileSync(settingsPath(lab.configuration), '[helper]\noptional = true\n');
    await lab.start(ourProgram);
    await lab.stop(ourProgram);
  } finally {
    writeFileSync(KERNEL_MODPROBE, modprobe);
  }
});
