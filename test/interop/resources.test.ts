import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askNode } from '../../sim/netns/ask.ts';
import { configurationText } from '../../sim/netns/configuration.ts';
import { type Lab, missingForLab, openLab, tcpLoad, until } from '../../sim/netns/lab.ts';
import { run } from '../../sim/netns/process.ts';
import { Request } from '../../src/control/codes.ts';
import { ourLauncher, ourProgram } from './programs.ts';

let lab: Lab;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'prlimit', 'unshare', 'nsenter'])).toEqual([]);
  lab = await openLab();
});

afterEach(() => lab?.close());

async function resources(node: { command(...args: string[]): Promise<string> }) {
  return JSON.parse(await node.command('-s', 'runtime', '--json')).runtime.resources;
}

test('a control socket whose file was removed is made again, and the log says so', async () => {
  const node = await lab.a.start({ program: ourProgram });
  rmSync(node.paths.controlSocket);
  await until('the log', () => node.log().includes("ctl' was gone: made it again"));
  expect(await node.command('-s')).toMatch(/cache internal/);
  await node.stop();
  expect(readdirSync(node.paths.directory)).not.toContain('ctl');
});

test('without a descriptor left, replication and commands through the FIFOs go on, and clients are answered again later', async () => {
  await lab.startNodes({ a: { program: ourProgram }, b: { program: ourLauncher } });
  await lab.settled();
  const node = lab.b.node();
  const daemon = Number(await readFile(node.paths.lockFile, 'utf8'));
  const limit = (number: number) => run('prlimit', [`--pid=${daemon}`, `--nofile=${number}:4096`]);
  // Its descriptors stay open; no new one is given.
  expect((await limit(1)).code).toBe(0);
  await until('the log', () => node.log().includes('no file descriptor is left (EMFILE)'));
  // More than one batch, so that a commit looks for a ring.
  await lab.a.load(tcpLoad(1500));
  expect((await node.client(['-s'])).stdout).toBe('');
  await until('the flows are committed', async () => {
    expect((await node.client(['-c'])).code).toBe(0);
    return (await lab.b.flowCount()) === 1500;
  });
  expect((await limit(1024)).code).toBe(0);
  await until('the log', () => node.log().includes('there are file descriptors again'));
  await until('the log', () => node.log().includes("ctl' was gone: made it again"));
  expect((await resources(node)).outOfDescriptors).toBe(1);
  expect((await node.sizes()).external).toBe(1500);
  expect((await readFile(node.paths.logFile, 'utf8')).match(/file descriptor is left/g)).toHaveLength(1);
});

test('the launcher says which limit is too low for a start', async () => {
  const path = join(lab.directory, 'none.conf');
  const { code, stdout, stderr } = await run('prlimit', [
    '--nofile=20:20',
    ...['env', `CONNTRACKD_TS_NODE=${process.execPath}`, ourLauncher.command, '-C', path],
  ]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /^\[.*\] \(pid=\d+\) \[ERROR\] the limit of open files \(RLIMIT_NOFILE, ulimit -H -n\) is 20, at least 128 are needed\n$/,
  );
});

/** A node in a mount namespace of its own, whose logs are on a file system of 256 KiB. */
async function startOnSmallDisk(mode: 'FTFW' | 'Stats') {
  const disk = join(lab.directory, 'disk');
  const script = `mkdir ${disk}; mount -t tmpfs -o size=256k tmpfs ${disk}; mkdir ${disk}/d; exec "$@"`;
  const node = await lab.a.start({
    program: {
      command: 'unshare',
      args: ['--mount', 'sh', '-ec', script, 'sh', ourProgram.command, ...ourProgram.args],
    },
    client: ourProgram,
    configuration: (place) =>
      configurationText(
        {
          ...place,
          paths: { ...place.paths, logFile: `${disk}/d/log`, statsLogFile: `${disk}/d/flows` },
        },
        { mode },
      ),
  });
  const inside = (...command: string[]) =>
    run('nsenter', [`--target=${node.pid}`, '--mount', '--', ...command]);
  return {
    node,
    read: async (name: string) => (await inside('cat', `${disk}/d/${name}`)).stdout,
    fill: () => inside('dd', 'if=/dev/zero', `of=${disk}/fill`, 'bs=1k', 'status=none'),
    empty: () => inside('rm', `${disk}/fill`),
    rotate: (name: string) => inside('mv', `${disk}/d/${name}`, `${disk}/d/${name}.1`),
    removeDirectory: () => inside('rm', '-r', `${disk}/d`),
    makeDirectory: () => inside('mkdir', `${disk}/d`),
  };
}

test('a log on a full disk or in a directory that vanished costs lines, which are counted; replication goes on', async () => {
  const { node, read, fill, empty, rotate, removeDirectory, makeDirectory } = await startOnSmallDisk('FTFW');
  await lab.b.start({ program: ourProgram });
  await lab.settled();
  expect((await fill()).stderr).toMatch(/No space left/);
  // Whatever room the last page has is soon used up.
  await until('lost lines', async () => {
    for (let n = 0; n < 20; n++) await askNode(node.paths.controlSocket, Request.REQUEST_RESYNC);
    return (await resources(node)).logLinesLost > 0;
  });
  await lab.a.load(tcpLoad(200));
  await lab.b.node().untilSize('external', 200);
  await empty();
  await until('the log', async () =>
    /written to again: \d+ lines were lost \(ENOSPC/.test(await read('log')),
  );
  const lost = (await resources(node)).logLinesLost;
  const reported = [...(await read('log')).matchAll(/(\d+) lines were lost/g)].map((found) =>
    Number(found[1]),
  );
  expect(reported.reduce((sum, each) => sum + each, 0)).toBe(lost);

  await rotate('log');
  node.signal('SIGHUP');
  await until('a new log', async () => {
    await node.command('-n');
    return (await read('log')).includes('resync requested');
  });

  await removeDirectory();
  await until('lost lines', async () => {
    await node.command('-n');
    return (await resources(node)).logLinesLost > lost;
  });
  await makeDirectory();
  await until('the log', async () => /written to again: \d+ lines were lost/.test(await read('log')));
  await lab.a.load(tcpLoad(200, { first: 1000 }));
  await lab.b.node().untilSize('external', 400);
});

test('the log of ended flows waits for room on a full disk, is rotated, and comes again where its directory vanished', async () => {
  const { node, read, fill, empty, rotate, removeDirectory, makeDirectory } = await startOnSmallDisk('Stats');
  const ended = async () => (await read('flows')).split('\n').length - 1;
  const endFlows = async (first: number) => {
    await lab.a.load(tcpLoad(300, { first }));
    await lab.a.conntrack('-D', '-p', 'tcp');
  };
  await fill();
  await endFlows(0);
  await until('the log', async () => {
    await askNode(node.paths.controlSocket, Request.STATISTICS);
    return (await ended()) < 300;
  });
  await empty();
  await until('all of them', async () => (await ended()) === 300);
  expect((await resources(node)).flowLinesLost).toBe(0);
  await rotate('flows');
  node.signal('SIGHUP');
  await endFlows(1000);
  await until('the new log', async () => (await ended()) === 300);
  await removeDirectory();
  await endFlows(2000);
  await makeDirectory();
  await until('the log again', async () => (await ended()) === 300);
  expect((await resources(node)).flowLinesLost).toBe(0);
});

const MEMORY = '/sys/fs/cgroup/memory';

test.skipIf(!existsSync(`${MEMORY}/memory.limit_in_bytes`))(
  'a limit of memory that full caches would not fit in is reported at the start, and before it is reached',
  async () => {
    const group = join(MEMORY, lab.id);
    mkdirSync(group);
    try {
      // More than the daemon takes, because pages of programs that others use as well do not count.
      writeFileSync(join(group, 'memory.limit_in_bytes'), String(80 * 1024 * 1024));
      const enter = `echo $$ > ${group}/cgroup.procs; exec "$@"`;
      const node = await lab.a.start({
        program: {
          command: 'nsenter',
          // `ip netns exec` hides the control groups below a /sys of its own.
          args: [
            ...[`--mount=/proc/${process.pid}/ns/mnt`, 'sh', '-ec', enter, 'sh'],
            ...[ourProgram.command, ...ourProgram.args],
          ],
        },
        client: ourProgram,
        configuration: { inGeneral: ['HashLimit 1000000'] },
      });
      expect(node.log()).toMatch(
        /\[warning\] the control group allows 80 MiB of memory; with HashLimit 1000000 the caches may need 541 MiB: raise/,
      );
      await lab.a.load(tcpLoad(200_000));
      await until(
        'the log',
        () => /\[warning\] memory: \d+ MiB of the 80 MiB .* are used/.test(node.log()),
        30_000,
      );
      expect(await node.command('-s')).toMatch(/cache internal/);
    } finally {
      await lab.close();
      await until('the group is empty', () => {
        rmdirSync(group);
        return true;
      });
    }
  },
);
