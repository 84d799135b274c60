import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cProgram, missingForLab, type Program, until } from '../../sim/netns/lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import type { RunningProcess } from '../../sim/netns/process.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { ourLauncher, ourProgram } from './programs.ts';

/** systemd's end of NOTIFY_SOCKET: reports each datagram, and the sending process by the kernel's credentials. */
const RECEIVER = `
import json, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
name = sys.argv[1]
s.bind('\\0' + name[1:] if name[0] == '@' else name)
print(json.dumps({'text': 'listening', 'pid': 0}), flush=True)
while True:
    text, control, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(12))
    pid = [struct.unpack('3i', data)[0] for _, kind, data in control if kind == socket.SCM_CREDENTIALS][0]
    print(json.dumps({'text': text.decode(), 'pid': pid}), flush=True)
`;

interface Received {
  readonly text: string;
  readonly pid: number;
}

let scope: Scope;
let host: Namespace;
let receiver: RunningProcess;
let received: Received[];

async function listen(name: string): Promise<void> {
  received = [];
  // Inside, because abstract names belong to a network namespace.
  receiver = await host.start('python3', ['-c', RECEIVER, name]);
  receiver.onLine((line) => received.push(JSON.parse(line) as Received));
  await until('the receiver listens', () => received.length === 1);
  received.length = 0;
}

const untilReceived = (text: string) =>
  until(`systemd receives ${text}`, () => received.find((one) => one.text === text));

async function configure(extra = ''): Promise<string> {
  const path = join(scope.directory, 'conntrackd.conf');
  writeFileSync(
    path,
    `Sync {
  Mode FTFW { }
  UDP {
    IPv4_address 10.9.1.1
    IPv4_Destination_Address 10.9.1.2
    Port 3780
    Interface eth1
  }
}
General {
  LockFile ${scope.directory}/lock
  UNIX { Path ${scope.directory}/ctl }
  LogFile ${scope.directory}/log
  ${extra}
}
`,
  );
  return path;
}

const environment = (extra: NodeJS.ProcessEnv) => ({ env: { ...process.env, ...extra } });

/** Ends the daemon, and waits for its lock file to be gone. */
async function end(program: Program, path: string): Promise<void> {
  await host.must(program.command, [...program.args, '-C', path, '-k']);
  await until('it has ended', () => !existsSync(join(scope.directory, 'lock')));
}

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'python3'])).toEqual([]);
  scope = openScope('ctw');
  host = await createNamespace(scope, 'a');
  await host.ip(
    'link add eth1 type veth peer name eth2',
    'addr add 10.9.1.1/24 dev eth1',
    'link set eth1 up',
    'link set eth2 up',
  );
});

afterEach(async () => {
  await receiver?.stop('SIGKILL');
  await scope.close();
});

describe.each([
  ['the C program', cProgram],
  ['our program', ourProgram],
  ['our program by its launcher', ourLauncher],
])('the messages of %s to systemd', (_, program) => {
  const args = (...more: string[]): string[] => [...program.args, ...more];

  it.each(['a path', 'an abstract name'])('in the foreground, over %s: it works, it stops', async (kind) => {
    const name = kind === 'a path' ? join(scope.directory, 'notify') : `@${scope.id}`;
    await listen(name);
    const path = await configure();
    const node = await host.start(
      program.command,
      args('-C', path),
      environment({ ...program.env, NOTIFY_SOCKET: name }),
    );
    await untilReceived('READY=1');
    await node.stop('SIGTERM');
    await untilReceived('STOPPING=1');
    expect(received).toEqual([
      { text: 'READY=1', pid: node.pid },
      { text: 'STOPPING=1', pid: node.pid },
    ]);
  });

  it('with -d: who the daemon is, and only then that it works', async () => {
    const name = join(scope.directory, 'notify');
    await listen(name);
    const path = await configure();
    const starter = await host.start(
      program.command,
      args('-C', path, '-d'),
      environment({ ...program.env, NOTIFY_SOCKET: name }),
    );
    const daemon = (await untilReceived('READY=1')).pid;
    expect(await starter.ended).toEqual({ code: 0, signal: null });
    await end(program, path);
    await untilReceived('STOPPING=1');
    expect(daemon).not.toBe(starter.pid);
    expect(received).toEqual([
      { text: `MAINPID=${daemon}`, pid: starter.pid },
      { text: 'READY=1', pid: daemon },
      { text: 'STOPPING=1', pid: daemon },
    ]);
  });

  it.each(['-d', undefined])('as often as it asks: that it lives (%s)', async (option) => {
    const name = join(scope.directory, 'notify');
    await listen(name);
    const path = await configure();
    // As systemd does it: the variable has the id of the process that it starts, which the shell becomes.
    const shell = 'export WATCHDOG_PID=$$; exec "$@"';
    const command = args('-C', path, ...(option ? [option] : []));
    await host.start(
      'sh',
      ['-c', shell, 'sh', program.command, ...command],
      environment({ ...program.env, NOTIFY_SOCKET: name, WATCHDOG_USEC: '600000' }),
    );
    const daemon = (await untilReceived('READY=1')).pid;
    const lives = () => received.filter(({ text }) => text === 'WATCHDOG=1');
    const begun = performance.now();
    const before = lives().length;
    await until('eight more watchdog messages', () => lives().length >= before + 8, 8000, 10);
    const seconds = (performance.now() - begun) / 1000;
    // Every 0.3 seconds, 2.4 in all, less where one came at once, more on a busy machine. Every 0.6 would be too late.
    expect(seconds).toBeGreaterThan(1.9);
    expect(seconds).toBeLessThan(4);
    expect(new Set(lives().map(({ pid }) => pid))).toEqual(new Set([daemon]));
    await end(program, path);
    await untilReceived('STOPPING=1');
    expect(received.at(-1)!.text).toBe('STOPPING=1');
  });

  it('is nothing with `Systemd off’, and nothing is amiss without systemd', async () => {
    const name = join(scope.directory, 'notify');
    await listen(name);
    const path = await configure('Systemd off');
    const set = environment({ ...program.env, NOTIFY_SOCKET: name, WATCHDOG_USEC: '200000' });
    const unset = environment({ NOTIFY_SOCKET: undefined });
    for (const options of [set, unset]) {
      const node = await host.start(program.command, args('-C', path), options);
      await until('it answers', async () => {
        return (await host.run(program.command, args('-C', path, '-s'))).code === 0;
      });
      expect((await node.stop('SIGTERM')).signal).toBeNull();
      expect(node.stderr()).not.toMatch(/systemd/);
    }
    expect(received).toEqual([]);
  });

  it('is sent without a listener, too, and does no harm', async () => {
    const path = await configure();
    const name = join(scope.directory, 'nobody');
    const node = await host.start(
      program.command,
      args('-C', path),
      environment({ ...program.env, NOTIFY_SOCKET: name }),
    );
    await until('it answers', async () => {
      return (await host.run(program.command, args('-C', path, '-s'))).code === 0;
    });
    expect((await node.stop('SIGTERM')).code).toBe(0);
  });
});
