import { existsSync, readlinkSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import { missingForLab, until } from '../../sim/netns/lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope, processesIn, type Scope } from '../../sim/netns/scope.ts';
import { ourProgram } from './programs.ts';

let scope: Scope;
let host: Namespace;
let path: string;

const OUR_ARGS = [ourProgram.command, ...ourProgram.args] as const;

interface Place {
  readonly interface?: string;
  readonly address?: string;
  readonly lockFile?: string;
  readonly unix?: string;
  readonly extra?: string;
}

async function configure(name: string, place: Place = {}): Promise<string> {
  const file = join(scope.directory, `${name}.conf`);
  await writeFile(
    file,
    `Sync {
  Mode FTFW { }
  UDP {
    IPv4_address ${place.address ?? '10.9.1.1'}
    IPv4_Destination_Address 10.9.1.2
    Port 3780
    Interface ${place.interface ?? 'eth1'}
  }
}
General {
  LockFile ${place.lockFile ?? join(scope.directory, `${name}.lock`)}
  UNIX { Path ${place.unix ?? join(scope.directory, `${name}.ctl`)} }
  LogFile ${join(scope.directory, `${name}.log`)}
  ${place.extra ?? ''}
}
`,
  );
  return file;
}

/** A configuration with a Helper clause alone. */
async function configureHelper(name: string): Promise<string> {
  const file = join(scope.directory, `${name}.conf`);
  await writeFile(
    file,
    `Helper { Type ftp inet tcp { QueueNum 3 Policy ftp { ExpectMax 1 ExpectTimeout 300 } } }
General {
  LockFile ${join(scope.directory, `${name}.lock`)}
  UNIX { Path ${join(scope.directory, `${name}.ctl`)} }
  LogFile ${join(scope.directory, `${name}.log`)}
}
`,
  );
  return file;
}

function ours(...args: readonly string[]) {
  return host.run(OUR_ARGS[0], [...OUR_ARGS.slice(1), ...args]);
}

/** The error lines, without time and process id. */
function errors(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => line.includes('[ERROR]'))
    .map((line) => line.replace(/^\[.*?\] \(pid=\d+\) \[ERROR\] /, ''));
}

async function left(): Promise<string[]> {
  return (await readdir(scope.directory)).filter((name) => name !== 'owner' && !/\.(conf|log)$/.test(name));
}

beforeEach(async () => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
  scope = openScope('sta');
  host = await createNamespace(scope, 'a');
  const peer = await createNamespace(scope, 'b');
  await host.ip(`link add eth1 type veth peer name eth1 netns ${peer.name}`, 'addr add 10.9.1.1/24 dev eth1');
  await host.ip('link set eth1 up');
  await peer.ip('link set eth1 up');
  path = await configure('node');
});

afterEach(() => scope.close());

describe('what keeps the daemon from starting is one line and exit code 1, with nothing left behind', () => {
  async function expectRefusal(args: readonly string[], message: RegExp): Promise<void> {
    for (const option of [[], ['-d']]) {
      const { code, stderr } = await ours(...args, ...option);
      expect(errors(stderr)).toEqual([expect.stringMatching(message)]);
      expect(code).toBe(1);
      expect(await left()).toEqual([]);
      expect(processesIn(host.name)).toEqual([]);
    }
  }

  test('a configuration that is malformed: the file, line and column, what was found and what was expected', async () => {
    const file = await configure('wrong', { extra: 'HashSize many' });
    await expectRefusal(['-C', file], /wrong\.conf:14:12: found `many', expected a number$/);
  });

  test('no configuration', async () => {
    await expectRefusal(['-C', join(scope.directory, 'none.conf')], /^can't open config file `.*none\.conf'/);
  });

  test('a missing interface', async () => {
    const file = await configure('eth9', { interface: 'eth9' });
    await expectRefusal(
      ['-C', file],
      /^interface `eth9' does not exist: create it, or name another \(conntrackd\.conf: link in line 3\)$/,
    );
  });

  test('an address that is not ours', async () => {
    const file = await configure('address', { address: '10.9.1.77' });
    await expectRefusal(['-C', file], /10\.9\.1\.77.*\(conntrackd\.conf: link in line 3\)$/);
  });

  test('no permission', async () => {
    const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--', ...OUR_ARGS];
    await host.must('chmod', ['0777', scope.directory]);
    const { code, stderr } = await host.run('setpriv', [...nobody, '-C', path]);
    expect(errors(stderr)).toEqual([
      expect.stringMatching(/Operation not permitted \(EPERM\): needs CAP_NET_ADMIN \(run as root\)$/),
    ]);
    expect(code).toBe(1);
    expect(await left()).toEqual([]);
  });

  test('a kernel without ctnetlink', async () => {
    const wrapper = new URL('./without-ctnetlink.cjs', import.meta.url).pathname;
    const { code, stderr } = await host.run(OUR_ARGS[0], [wrapper, ...OUR_ARGS, '-C', path]);
    expect(errors(stderr)).toEqual([expect.stringMatching(/nf_conntrack_netlink/)]);
    expect(code).toBe(1);
    expect(await left()).toEqual([]);
  });

  test('a Helper clause on a kernel without helpers in user space', async () => {
    const file = await configureHelper('helper');
    const wrapper = new URL('./without-ctnetlink.cjs', import.meta.url).pathname;
    const { code, stderr } = await host.run(OUR_ARGS[0], [wrapper, ...OUR_ARGS, '-C', file]);
    expect(errors(stderr)).toEqual([expect.stringMatching(/netfilter netlink/)]);
    expect(code).toBe(1);
    expect(await left()).toEqual([]);
  });
});

test('with `optional = true` in [helper] the daemon goes on without the Helper clause, and says why', async () => {
  const file = await configureHelper('helper');
  await writeFile(join(scope.directory, 'helper-ts.toml'), '[helper]\noptional = true\n');
  const wrapper = new URL('./without-ctnetlink.cjs', import.meta.url).pathname;
  const { code } = await host.run(OUR_ARGS[0], [wrapper, ...OUR_ARGS, '-C', file, '-d']);
  expect(code).toBe(0);
  expect(await readFile(join(scope.directory, 'helper.log'), 'utf8')).toMatch(
    /\[warning\] .*netfilter netlink.*; going on without the Helper clause, as \[helper\] in the settings says\n/,
  );
  expect(JSON.parse((await ours('-C', file, '-s', '--json')).stdout)).toEqual({ schema: 1, mode: 'helper' });
  expect((await ours('-C', file, '-s')).stdout).toBe('');
  expect((await ours('-C', file, '-s', 'runtime')).stdout).toMatch(/^daemon uptime: 0 min\n/);
  await ours('-C', file, '-k');
  await until('the daemon ended', async () => processesIn(host.name).length === 0);
});

describe('a daemon with -d', () => {
  test('returns when it is ready, and ends in order on -k', async () => {
    const begun = await ours('-C', path, '-d');
    expect(begun).toMatchObject({ code: 0, stderr: '' });
    expect(begun.stdout).toBe('');
    expect((await left()).sort()).toEqual(['node.ctl', 'node.lock']);
    expect(processesIn(host.name).length).toBe(1);

    expect((await ours('-C', path, '-s', 'runtime')).stdout).toMatch(/^daemon uptime: 0 min/);
    expect(await ours('-C', path, '-k')).toMatchObject({ code: 0 });
    await until('the daemon has ended', () => processesIn(host.name).length === 0);
    expect(await left()).toEqual([]);
    expect(await readFile(join(scope.directory, 'node.log'), 'utf8')).toContain(
      '---- shutdown received ----',
    );
  });

  test('reads a configuration that is named from the working directory, and leaves that directory', async () => {
    const script = `cd ${scope.directory} && exec "$@"`;
    const begun = await host.run('sh', ['-c', script, 'sh', ...OUR_ARGS, '-C', 'node.conf', '-d']);
    expect(begun).toMatchObject({ code: 0, stderr: '' });
    const [pid] = processesIn(host.name);
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
    expect(await ours('-C', path, '-k')).toMatchObject({ code: 0 });
    await until('the daemon has ended', () => processesIn(host.name).length === 0);
  });

  test('is not started twice on one lock file, and the first one goes on', async () => {
    expect((await ours('-C', path, '-d')).code).toBe(0);
    const second = await configure('second', { lockFile: join(scope.directory, 'node.lock') });
    for (const option of [[], ['-d']]) {
      const { code, stderr } = await ours('-C', second, ...option);
      expect(errors(stderr)).toEqual([
        expect.stringMatching(/^lockfile `.*node\.lock' exists, perhaps conntrackd already running\?$/),
      ]);
      expect(code).toBe(1);
    }
    expect((await ours('-C', path, '-s')).code).toBe(0);
    expect((await left()).sort()).toEqual(['node.ctl', 'node.lock']);
  });

  test('does not start beside a C node on the same lock file, nor a C node beside it', async () => {
    const c = await host.start(cProgramPath(), ['-C', path]);
    await until('the C node answers', async () => (await ours('-C', path, '-s')).code === 0);
    expect(errors((await ours('-C', path)).stderr)[0]).toMatch(/^lockfile/);
    await host.must(cProgramPath(), ['-C', path, '-k']);
    await c.ended;
    expect((await ours('-C', path, '-d')).code).toBe(0);
    const refused = await host.run(cProgramPath(), ['-C', path]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('perhaps conntrackd already running?');
  });

  test('takes over the lock file and the socket of one that was killed', async () => {
    expect((await ours('-C', path, '-d')).code).toBe(0);
    for (const pid of processesIn(host.name)) process.kill(pid, 'SIGKILL');
    await until('it is dead', () => processesIn(host.name).length === 0);
    expect((await left()).sort()).toEqual(['node.ctl', 'node.lock']);
    expect((await ours('-C', path, '-d')).code).toBe(0);
    expect((await ours('-C', path, '-s')).code).toBe(0);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('ends in order on %s', async (signal) => {
    expect((await ours('-C', path, '-d')).code).toBe(0);
    for (const pid of processesIn(host.name)) process.kill(pid, signal);
    await until('it has ended', () => processesIn(host.name).length === 0);
    expect(await left()).toEqual([]);
  });

  test('reopens its log on SIGHUP', async () => {
    const log = join(scope.directory, 'node.log');
    expect((await ours('-C', path, '-d')).code).toBe(0);
    await host.must('mv', [log, `${log}.1`]);
    for (const pid of processesIn(host.name)) process.kill(pid, 'SIGHUP');
    await until('there is a new log', () => existsSync(log));
    await ours('-C', path, '-n');
    await until('it is written to', async () => (await readFile(log, 'utf8')).includes('resync requested'));
  });
});
