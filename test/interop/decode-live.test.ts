import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cProgram, missingForLab, type Namespace, until, withLab } from '../../sim/netns/lab.ts';
import { createNamespace } from '../../sim/netns/namespace.ts';
import { type RunningProcess, run } from '../../sim/netns/process.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { mistakesInLines } from '../support/schemas.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'tcpdump'])).toEqual([]);
});

const decodeArguments = (...args: readonly string[]) => [...ourProgram.args, 'decode', ...args];

/** The command, listening. */
interface Live {
  /** What it has printed. */
  readonly lines: readonly string[];
  readonly process: RunningProcess;
  /** Ends it and returns what it said on standard error. */
  interrupt(): Promise<string>;
}

async function startDecode(namespace: Namespace, name: string, ...args: readonly string[]): Promise<Live> {
  const process = await namespace.start(ourProgram.command, decodeArguments('--interface', name, ...args));
  const lines: string[] = [];
  process.onLine((line) => lines.push(line));
  await until(`decode on ${name}`, () => process.stderr().includes('listening'));
  return {
    lines,
    process,
    async interrupt() {
      expect(await process.stop('SIGINT')).toEqual({ code: 0, signal: null });
      return process.stderr();
    },
  };
}

describe.concurrent.each([
  ['UDP', 4],
  ['TCP', 6],
] as const)('what a C node and ours send over %s, IPv%i', (transport, family) => {
  test('is shown as it comes, as it is from a file that tcpdump wrote meanwhile', async () => {
    const configuration = { mode: 'FTFW', transport, family } as const;
    await withLab({}, async (lab) => {
      const capture = await lab.capture(0, 'tcp or udp');
      const live = await startDecode(lab.a.namespace, 'sync0');
      await lab.startNodes({
        a: { program: cProgram, configuration },
        b: { program: ourProgram, configuration },
      });
      const connection = await lab.connect();
      await lab.replicated(connection);
      const sources = () => new Set(live.lines.map((line) => line.split(' ')[1]));
      const saysFlow = (line: string) => line.includes(` sport=${connection.localPort} `);
      const isShown = () => sources().size === 2 && live.lines.some(saysFlow);
      await until('the flow on standard output', isShown);

      await capture.stop();
      const said = await live.interrupt();
      const file = await run(ourProgram.command, decodeArguments(capture.path));
      const inFile = file.stdout.split('\n').slice(0, -1);
      // Behind the last message that both have, one of them may have ended later.
      const count = Math.min(live.lines.length, inFile.length);
      const withoutTime = (lines: readonly string[]) =>
        lines.slice(0, count).map((line) => line.slice(line.indexOf(' ')));
      const shown = withoutTime(live.lines);
      expect(shown).toEqual(withoutTime(inFile));
      expect(shown.some(saysFlow)).toBe(true);
      // The kernel takes the time for each of them.
      const [first, second] = [live.lines, inFile].map((lines) => Date.parse(lines[0]!.split(' ')[0]!));
      expect(Math.abs(first! - second!)).toBeLessThan(100);
      expect(said).toMatch(/\nsync0: \d+ messages, 0 malformed, \d+ frames\n$/);
    });
  });
});

describe('decode --interface', () => {
  let scope: Scope;
  let host: Namespace;

  beforeAll(async () => {
    scope = openScope();
    host = await createNamespace(scope, 'a');
  });

  afterAll(() => scope?.close());

  const send = (script: string) =>
    host.must(process.execPath, [
      '-e',
      `const socket = require('node:dgram').createSocket({ type: 'udp6', ipv6Only: false });
       const send = (bytes, port, to = '::ffff:127.0.0.1') => new Promise((done) => socket.send(bytes, port, to, done));
       (async () => { ${script} })().then(() => socket.close());`,
    ]);
  const ALIVE = 'Buffer.from([0x1a, 16, 0, 8, 0, 0, 0, 5])';

  test('shows what goes over the loopback interface once, and counts what the kernel had no room for', async () => {
    const live = await startDecode(host, 'lo');
    await send(`await send(${ALIVE}, 3780); await send(${ALIVE}, 9999); await send(Buffer.alloc(9), 9999);`);
    await until('two messages', () => live.lines.length === 2);
    expect(live.lines.map((line) => line.replace(/^.* -> /, ''))).toEqual([
      '127.0.0.1:3780 seq=5 CONTROL ALIVE',
      '127.0.0.1:9999 seq=5 CONTROL ALIVE',
    ]);
    live.process.signal('SIGSTOP');
    await send('for (let n = 0; n < 600; n++) await send(Buffer.alloc(60_000), 9999);');
    live.process.signal('SIGCONT');
    await until('a word about what was dropped', () => live.process.stderr().includes('the kernel dropped'));
    expect(await live.interrupt()).toMatch(
      /\nlo: 2 messages, 0 malformed, \d+ frames, \d+ packets dropped by the kernel\n$/,
    );
  });

  test('passes one port, over IPv4 and IPv6', async () => {
    const live = await startDecode(host, 'lo', '--port', '9999', '--json');
    await send(`
      for (const to of ['::ffff:127.0.0.1', '::1'])
        for (const port of [3780, 9998, 9999]) await send(${ALIVE}, port, to);`);
    await until('two messages', () => live.lines.length === 2);
    const seen = live.lines.map((line) => JSON.parse(line) as { readonly destination: object });
    expect(seen.map(({ destination }) => destination)).toEqual([
      { address: '127.0.0.1', port: 9999 },
      { address: '::1', port: 9999 },
    ]);
    expect(mistakesInLines('message', live.lines.map((line) => `${line}\n`).join(''))).toEqual([]);
    // The kernel has passed nothing else.
    expect(await live.interrupt()).toContain('\nlo: 2 messages, 0 malformed, 2 frames\n');
  });

  test('ends with its reader, and with its interface', async () => {
    const command = [ourProgram.command, ...decodeArguments('--interface', 'lo')].join(' ');
    const sender = await host.start(process.execPath, [
      '-e',
      `const socket = require('node:dgram').createSocket('udp4');
       setInterval(() => socket.send(${ALIVE}, 3780, '127.0.0.1'), 50);`,
    ]);
    const { stdout } = await host.run('sh', ['-c', `${command} | head -n 1`]);
    await sender.stop();
    expect(stdout).toMatch(/seq=5 CONTROL ALIVE\n$/);

    await host.ip('link add test0 type veth peer name test1');
    const live = await startDecode(host, 'test0');
    await until('that it is down', () => live.process.stderr().includes('is down'));
    await host.ip('link del test0');
    expect(await live.process.ended).toEqual({ code: 1, signal: null });
    expect(live.process.stderr()).toMatch(/interface `test0' is gone\ntest0: 0 messages/);
  });

  test('tells what is wrong', async () => {
    const missing = await host.run(ourProgram.command, decodeArguments('--interface', 'eth77'));
    expect([missing.code, missing.stderr]).toEqual([
      1,
      "decode: interface `eth77' does not exist, expected one of lo\n",
    ]);
    const command = ['--bounding-set', '-net_raw', '--inh-caps', '-net_raw', ourProgram.command];
    const refused = await host.run('setpriv', [...command, ...decodeArguments('--interface', 'lo')]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      "decode: no permission to hear interface `lo': run as root, or with CAP_NET_RAW\n",
    ]);
  });
});
