import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadFlows, tcpLoad } from '../../sim/netns/flows.ts';
import { until } from '../../sim/netns/lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope, processesIn, type Scope } from '../../sim/netns/scope.ts';
import { ourProgram } from './programs.ts';

let scope: Scope;
let host: Namespace;
let text: string;
let path: string;

const OURS = [ourProgram.command, ...ourProgram.args] as const;
const PROGRAM = OURS.join(' ');

const lockFile = () => join(scope.directory, 'node.lock');
const alone = () =>
  until('there is one process', () => {
    const [pid, ...others] = processesIn(host.name);
    return others.length === 0 ? pid : undefined;
  });

/** Runs a line of shell in a directory of its own, where `node.conf` is. */
function shell(line: string) {
  return host.run('bash', ['-c', `cd ${scope.directory} && ${line}`]);
}

const client = (...args: string[]) => host.run(OURS[0], [...OURS.slice(1), '-C', path, ...args]);
const untilWorking = () => until('the daemon answers', async () => (await client('-s')).code === 0);

beforeEach(async () => {
  scope = openScope('pro');
  host = await createNamespace(scope, 'a');
  await host.ip(
    'link add eth1 type veth peer name eth2',
    'addr add 10.9.1.1/24 dev eth1',
    'link set eth1 up',
    'link set eth2 up',
  );
  text = `Sync {
  Mode FTFW { }
  UDP {
    IPv4_address 10.9.1.1
    IPv4_Destination_Address 10.9.1.2
    Port 3780
    Interface eth1
  }
}
General {
  LockFile ${lockFile()}
  UNIX { Path ${join(scope.directory, 'node.ctl')} }
  LogFile ${join(scope.directory, 'node.log')}
  NetlinkBufferSize 8388608
  NetlinkBufferSizeMaxGrowth 8388608
}
`;
  path = join(scope.directory, 'node.conf');
  await writeFile(path, text);
});

afterEach(() => scope.close());

describe('a configuration that can be read only where and when the command runs', () => {
  const working = { code: 0, stdout: '', stderr: '' };

  async function expectAnswer(): Promise<void> {
    expect((await client('-s', 'runtime')).stdout).toMatch(/uptime/);
  }

  test('a relative path', async () => {
    expect(await shell(`${PROGRAM} -C node.conf -d`)).toMatchObject(working);
    await expectAnswer();
  });

  test('standard input', async () => {
    expect(await shell(`cat node.conf | ${PROGRAM} -C /dev/stdin -d`)).toMatchObject(working);
    await expectAnswer();
  });

  test('a pipe of the shell', async () => {
    expect(await shell(`${PROGRAM} -C <(cat node.conf) -d`)).toMatchObject(working);
    await expectAnswer();
  });

  test('a file that is gone when the daemon works; with the settings beside it', async () => {
    await writeFile(
      join(scope.directory, 'x-ts.toml'),
      `[failover]\nkeepalived_fifo = "${scope.directory}/fifo"\n`,
    );
    expect(
      await shell(`cp node.conf x.conf && ${PROGRAM} -C x.conf -d; code=$?; rm x.conf x-ts.toml; exit $code`),
    ).toMatchObject(working);
    await expectAnswer();
    expect(existsSync(join(scope.directory, 'fifo'))).toBe(true);
  });

  test('a pipe of the shell, with variables for Node in the environment', async () => {
    expect(await shell(`NODE_NO_WARNINGS=1 ${PROGRAM} -C <(cat node.conf) -d`)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/^[^\n]*the daemon ignores NODE_NO_WARNINGS [^\n]*\n$/),
    });
    await expectAnswer();
  });

  test('standard input in the foreground, with variables for Node in the environment', async () => {
    const node = await host.start('bash', [
      '-c',
      `cat ${path} | NODE_NO_WARNINGS=1 exec ${PROGRAM} -C /dev/stdin`,
    ]);
    await untilWorking();
    await node.stop();
  });
});

test('what the process that becomes the daemon dies of reaches the caller', async () => {
  const { code, stderr } = await shell(
    `{ ${PROGRAM} -C node.conf -d & }; pid=$!; while ! child=$(pgrep -P $pid); do :; done; kill -KILL $child; wait $pid`,
  );
  expect(stderr).toMatch(/\[ERROR\] the daemon ended before it was ready: SIGKILL\n$/);
  expect(code).toBe(1);
  expect(processesIn(host.name)).toEqual([]);
});

describe('what may not change a daemon', () => {
  const hostile = () => join(scope.directory, 'hostile');
  const loaded = () => join(scope.directory, 'loaded');

  beforeEach(async () => {
    const record = `require('fs').appendFileSync('${loaded()}', process.pid + '\\n')`;
    await mkdir(join(hostile(), 'node_modules/koffi'), { recursive: true });
    for (const name of ['node_modules/koffi/index.js', 'preload.js', 'koffi.node', 'index.js']) {
      await writeFile(join(hostile(), name), record);
    }
    await writeFile(join(hostile(), 'package.json'), '{ "type": "commonjs", "imports": { malformed');
    await writeFile(join(hostile(), '.env'), `NODE_OPTIONS=--require ${hostile()}/preload.js\n`);
    await writeFile(
      join(hostile(), 'node.config.json'),
      JSON.stringify({ nodeOptions: { require: ['./preload.js'] } }),
    );
    await writeFile(join(hostile(), 'openssl.cnf'), 'nodejs_conf = init\n[init]\n');
  });

  /** Signs that the daemon's process is not as it should be. */
  async function strangeThings(pid: number): Promise<string[]> {
    const listeners = (await host.must('ss', ['-Hltn'])).split('\n').filter(Boolean);
    const environment = (await readFile(`/proc/${pid}/environ`, 'latin1')).split('\0');
    return [
      ...listeners,
      ...environment.filter(
        (variable) => /^(NODE_|OPENSSL_|UV_)/.test(variable) && !/^NODE_(ENV|EXTRA_CA_CERTS)=/.test(variable),
      ),
      ...[loaded(), join(scope.directory, 'coverage')].filter(existsSync),
    ];
  }

  const start = async (how: string, prefix = '') => {
    if (how === 'with -d') {
      expect((await shell(`cd ${hostile()} && ${prefix} ${PROGRAM} -C ${path} -d`)).code).toBe(0);
    } else {
      await host.start('bash', ['-c', `cd ${hostile()} && ${prefix} exec ${PROGRAM} -C ${path}`]);
      await untilWorking();
    }
    return alone();
  };

  describe.each(['with -d', 'in the foreground'])('%s', (how) => {
    test('SIGUSR1, which opens the debugger of Node', async () => {
      const pid = await start(how);
      for (let times = 0; times < 3; times++) process.kill(pid, 'SIGUSR1');
      // A debugger listens some ms after its signal; one that is not there yet would be seen in one of these.
      for (let times = 0; times < 10; times++) {
        expect((await client('-s')).code).toBe(0);
        expect(await strangeThings(pid)).toEqual([]);
      }
    });

    test('files in the working directory', async () => {
      const pid = await start(how);
      expect(await strangeThings(pid)).toEqual([]);
      expect(await readdir(`/proc/${pid}/cwd`)).toContain('proc');
    });

    test('variables that load code, with the launcher', async () => {
      const launcher = new URL('../../bin/conntrackd-ts', import.meta.url).pathname;
      const prefix =
        `NODE_OPTIONS='--require ${hostile()}/preload.js' NODE_PATH=${hostile()}/node_modules ` +
        `OPENSSL_CONF=${hostile()}/malformed.cnf`;
      await writeFile(join(hostile(), 'malformed.cnf'), 'nodejs_conf = init\n[init]\nengines = nothing\n');
      expect((await shell(`cd ${hostile()} && ${prefix} ${launcher} -C ${path} -d`)).code).toBe(0);
      expect(await strangeThings(await alone())).toEqual([]);
    });

    test('variables of the environment', async () => {
      const pid = await start(
        how,
        `NODE_OPTIONS='--inspect=9333 --max-old-space-size=4000' NODE_PATH=${hostile()}/node_modules UV_THREADPOOL_SIZE=1 ` +
          `NODE_V8_COVERAGE=${scope.directory}/coverage OPENSSL_CONF=${hostile()}/openssl.cnf NODE_EXTRA_CA_CERTS=/none`,
      );
      expect(await strangeThings(pid)).toEqual([]);
      expect((await client('-k')).code).toBe(0);
      await until('it has ended', () => processesIn(host.name).length === 0);
      expect(existsSync(join(scope.directory, 'coverage'))).toBe(false);
    });
  });
});

describe('those who look for a process by name', () => {
  test.each(['-d', ''])('find the daemon as they find C (started with `%s`)', async (option) => {
    await host.start(OURS[0], [...OURS.slice(1), '-C', path, ...(option === '' ? [] : [option])]);
    await untilWorking();
    const pid = Number(await readFile(lockFile(), 'utf8'));
    const found = async (command: string, ...args: string[]) =>
      (await host.must(command, args)).trim().split(/\s+/).map(Number);
    expect(await found('pgrep', 'conntrackd')).toContain(pid);
    expect(await found('pgrep', '-x', 'conntrackd')).toContain(pid);
    expect(await found('pgrep', '-f', `^conntrackd -C ${path}`)).toEqual([pid]);
    expect(await found('pidof', 'conntrackd')).toContain(pid);
    expect(await found('ps', '-C', 'conntrackd', '-o', 'pid=')).toContain(pid);
    expect(await readFile(`/proc/${pid}/comm`, 'utf8')).toBe('conntrackd\n');
    const line = (await readFile(`/proc/${pid}/cmdline`, 'latin1')).replace(/\0+$/, '');
    expect(line).toBe(`conntrackd -C ${path} ${option}`.trim());
  });
});

describe('a signal that ends the start', () => {
  // From the first system call to the finished daemon, in steps that are shorter than any of its phases.
  test.each([0, 100, 150, 200, 250, 300, 400, 600])('after %i ms leaves nothing behind', async (delay) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const node = await host.start(OURS[0], [...OURS.slice(1), '-C', path]);
      await new Promise((resolve) => setTimeout(resolve, delay));
      const { code, signal: by } = await node.stop(signal, 5_000);
      expect(by === signal || code === 0).toBe(true);
      expect((await readdir(scope.directory)).filter((name) => /lock|ctl/.test(name))).toEqual([]);
    }
  });

  test('given as soon as the lock file is there ends it with exit code 0', async () => {
    const node = await host.start(OURS[0], [...OURS.slice(1), '-C', path]);
    await until('there is a lock file', () => existsSync(lockFile()), 10_000, 1);
    expect(await node.stop('SIGTERM', 5_000)).toEqual({ code: 0, signal: null });
    expect(existsSync(lockFile())).toBe(false);
    expect(await readFile(join(scope.directory, 'node.log'), 'utf8')).toContain(
      '---- shutdown received ----',
    );
  });

  test('given to the command that starts the daemon ends the daemon too', async () => {
    const starter = await host.start(OURS[0], [...OURS.slice(1), '-C', path, '-d']);
    await until('there is a lock file', () => existsSync(lockFile()), 10_000, 1);
    starter.signal('SIGTERM');
    await starter.ended;
    await until('nothing runs', () => processesIn(host.name).length === 0);
    expect((await readdir(scope.directory)).filter((name) => /lock|ctl/.test(name))).toEqual([]);
  });
});

describe('a command line that is a mistake', () => {
  test('without any argument on a terminal shows the help, and starts nothing', async () => {
    const { code, stdout } = await shell(`script -qec '${PROGRAM}' /dev/null`);
    expect(stdout).toContain('Further commands:');
    expect(code).toBe(0);
    expect(processesIn(host.name)).toEqual([]);
  });

  test.each(['-z', '-c foo', 'statu', 'sk'])('`%s` fails, and asks the daemon for nothing', async (line) => {
    await shell(`${PROGRAM} -C node.conf -d`);
    const { code, stderr } = await client(...line.split(' '));
    expect(code).toBe(1);
    expect(stderr).toMatch(/\[ERROR\] Unknown option: /);
    expect(await readFile(join(scope.directory, 'node.log'), 'utf8')).not.toMatch(/flush|commit|shutdown/);
    expect(processesIn(host.name)).toHaveLength(1);
  });
});

describe('standard output that takes no more', () => {
  test('because its reader has enough is a quiet end', async () => {
    await shell(`${PROGRAM} -C node.conf -d`);
    // More than a pipe holds, so that the client still writes when its reader ends.
    await loadFlows(host, tcpLoad(2_000), scope.directory);
    await until('all are in the cache', async () => (await client('-s')).stdout.includes(' 2000\n'));
    for (const line of ['-i', '-i -x', '-i --json', '-s rsqueue', '-s', 'doctor', '-h', '--help']) {
      const options = line === 'doctor' ? 'doctor -C node.conf --for 1s' : `-C node.conf ${line}`;
      const { stderr } = await shell(
        `for n in 1 2 3; do ${PROGRAM} ${options} | head -c 1 > /dev/null; done`,
      );
      expect([line, stderr]).toEqual([line, '']);
    }
  });

  test.each(['-i', '-s', 'doctor', '-h', '-v', '--version', '-c --json'])(
    'because a disk is full is an error: `%s`',
    async (line) => {
      await shell(`${PROGRAM} -C node.conf -d`);
      await host.must(
        'conntrack',
        '-I -p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 53 -t 1000'.split(' '),
      );
      await until('it is in the cache', async () => (await client('-i')).stdout.includes('sport=1'));
      const options = line === 'doctor' ? 'doctor -C node.conf --for 1s' : `-C node.conf ${line}`;
      const { code, stderr } = await shell(`${PROGRAM} ${options} > /dev/full`);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^\[[^\n]*\[ERROR\] standard output: [^\n]*ENOSPC[^\n]*\n$/);
    },
  );
});
