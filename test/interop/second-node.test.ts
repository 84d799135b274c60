import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cProgram, type Program, until } from '../../sim/netns/lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { ourProgram } from './programs.ts';

let scope: Scope;
let host: Namespace;

beforeEach(async () => {
  scope = openScope('sec');
  host = await createNamespace(scope, 'a');
  await host.ip(
    'link add eth1 type veth peer name eth2',
    'addr add 10.9.1.1/24 dev eth1',
    'addr add 10.9.2.1/24 dev eth2',
    'addr add fd09::1/64 dev eth1 nodad',
    'link set eth1 up',
    'link set eth2 up',
  );
});

afterEach(() => scope.close());

const UDP = `UDP {
    IPv4_address 10.9.1.1
    IPv4_Destination_Address 10.9.1.2
    Port 3780
    Interface eth1
  }`;
const UDP6 = `UDP {
    IPv6_address fd09::1
    IPv6_Destination_Address fd09::2
    Port 3780
    Interface eth1
  }`;
const multicast = (group: string, device: string, address: string) => `Multicast {
    IPv4_address ${group}
    Group 3780
    IPv4_interface ${address}
    Interface ${device}
  }`;
const TCP = UDP.replace('UDP', 'TCP');
const MULTICAST = multicast('225.0.0.50', 'eth1', '10.9.1.1');

async function configure(name: string, links: string): Promise<string> {
  const path = join(scope.directory, `${name}.conf`);
  await writeFile(
    path,
    `Sync {
  Mode FTFW { }
  ${links}
}
General {
  LockFile ${join(scope.directory, `${name}.lock`)}
  UNIX { Path ${join(scope.directory, `${name}.ctl`)} }
  LogFile ${join(scope.directory, `${name}.log`)}
}
`,
  );
  return path;
}

const run = (program: Program, ...args: string[]) => host.run(program.command, [...program.args, ...args]);

async function startWorking(program: Program, path: string): Promise<number> {
  const node = await host.start(program.command, [...program.args, '-C', path]);
  await until('the node answers', async () => (await run(program, '-C', path, '-s')).code === 0);
  return node.pid;
}

const LINKS = { UDP, 'UDP over IPv6': UDP6, Multicast: MULTICAST, TCP };

describe.each(Object.entries(LINKS))('with a node on %s there is no second one', (_, links) => {
  test.each([
    ['ours beside ours', ourProgram, ourProgram],
    ['ours beside a C node', cProgram, ourProgram],
  ])('%s: refused, with the process id of the first', async (_pair, first, second) => {
    const pid = await startWorking(first, await configure('first', links));
    const { code, stderr } = await run(second, '-C', await configure('second', links), '-d');
    expect(stderr).toMatch(
      new RegExp(
        `\\[ERROR\\] (Port|Group) 3780 of address \\S+ is in use by process ${pid} \\(conntrackd\\)(, it seems)?: `,
      ),
    );
    expect(code).toBe(1);
  });

  test('a C node beside ours: the kernel refuses it', async () => {
    const path = await configure('first', links);
    await startWorking(ourProgram, path);
    const { code } = await run(cProgram, '-C', await configure('second', links), '-d');
    expect(code).toBe(1);
    expect((await run(ourProgram, '-C', path, '-s')).code).toBe(0);
  });
});

test('a script that removes lock file and socket of a node that lives starts none beside it', async () => {
  const path = await configure('node', UDP);
  const pid = await startWorking(ourProgram, path);
  for (const name of ['node.lock', 'node.ctl']) await rm(join(scope.directory, name));
  const { code, stderr } = await run(ourProgram, '-C', path, '-d');
  expect(code).toBe(1);
  expect(stderr).toContain(`in use by process ${pid} (conntrackd)`);
});

test('links of one node share a group, and nodes in other groups share the port', async () => {
  const both = `${multicast('225.0.0.50', 'eth1', '10.9.1.1')}\n${multicast('225.0.0.50', 'eth2', '10.9.2.1').replace('Multicast {', 'Multicast Default {')}`;
  await startWorking(ourProgram, await configure('first', both));
  await startWorking(ourProgram, await configure('second', multicast('225.0.0.51', 'eth1', '10.9.1.1')));
  const third = await run(ourProgram, '-C', await configure('third', both), '-d');
  expect(third.code).toBe(1);
  expect(third.stderr).toMatch(/in use by process \d+ \(conntrackd\)/);
});

test('a program that is no node, and shares the port, keeps no node from it', async () => {
  const stranger = await host.start('python3', [
    '-c',
    `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', 3780))
print('bound', flush=True)
s.recv(1)`,
  ]);
  await new Promise<void>((resolve) => stranger.onLine(() => resolve()));
  await startWorking(ourProgram, await configure('node', UDP));
});
