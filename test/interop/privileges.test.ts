import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startKeepalived } from '../../sim/netns/keepalived.ts';
import {
  type ConntrackdNode,
  javascriptProgram,
  type Lab,
  missingForLab,
  openLab,
  tcpLoad,
  until,
} from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

const NOBODY = 65_534;
/** Bits of capabilities(7). */
const DAC_OVERRIDE = 1 << 1;
const NET_BIND_SERVICE = 1 << 10;
const NET_ADMIN = 1 << 12;
const SYS_NICE = 1 << 23;

let lab: Lab;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'chrt', 'keepalived'])).toEqual([]);
  lab = await openLab();
});

afterEach(() => lab?.close());

/** What a field of `/proc/PID/task/TID/status` says, of each thread. */
function ofThreads({ paths }: ConntrackdNode, field: string): string[] {
  const pid = Number(readFileSync(paths.lockFile, 'utf8'));
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return new RegExp(`^${field}:\\t(.*)$`, 'm').exec(text)![1]!;
  });
}

const capabilities = (node: ConntrackdNode, set: string): number[] => [
  ...new Set(ofThreads(node, `Cap${set}`).map((text) => Number.parseInt(text, 16))),
];

/** B's first node, with these settings beside the user. */
function startAsNobody(
  options: { readonly daemonize?: boolean },
  settings: (directory: string) => string = () => '',
): Promise<ConntrackdNode> {
  // The Node that runs the tests may lie where `nobody` may not go.
  const binary = join(lab.directory, 'node');
  copyFileSync(process.execPath, binary);
  chmodSync(lab.directory, 0o755);
  const directory = join(lab.directory, 'b1');
  mkdirSync(directory);
  chownSync(directory, NOBODY, NOBODY);
  return lab.b.start({
    ...options,
    program: javascriptProgram(ourProgram.args[0]!, binary),
    client: ourProgram,
    settings: () => `[process]\nuser = "nobody"\n${settings(directory)}`,
  });
}

/** A's flows are committed by B. */
async function expectReplication(flows: number, first = 0): Promise<void> {
  await lab.a.load(tcpLoad(flows, { first }));
  await lab.b.node().untilSize('external', flows + first);
  await lab.b.node().command('-c');
  expect(await lab.b.flowCount()).toBe(flows + first);
}

describe.each([
  ['in the foreground', false],
  ['with -d', true],
])('a daemon of root, %s', (_, daemonize) => {
  test('keeps three capabilities in each thread, nothing that it starts gets more, and it replicates', async () => {
    for (const side of [lab.a, lab.b]) await side.start({ program: ourProgram, daemonize });
    await lab.settled();
    const node = lab.b.node();
    await expectReplication(100);
    const kept = [NET_ADMIN | SYS_NICE | DAC_OVERRIDE];
    expect(ofThreads(node, 'Uid').length).toBeGreaterThan(5);
    expect(capabilities(node, 'Prm')).toEqual(kept);
    expect(capabilities(node, 'Eff')).toEqual(kept);
    expect(capabilities(node, 'Bnd')).toEqual(kept);
    expect(capabilities(node, 'Inh')).toEqual([0]);
    expect(capabilities(node, 'Amb')).toEqual([0]);
    expect(new Set(ofThreads(node, 'NoNewPrivs'))).toEqual(new Set(['1']));
    expect(node.log()).not.toMatch(/\[(warning|ERROR)\]/);
  });

  test('becomes another user, and can do what it has to: real time, logs, sockets, commits, cleaning up', async () => {
    await lab.a.start({ program: ourProgram });
    const node = await startAsNobody({ daemonize });
    await lab.settled();
    await expectReplication(100);
    const pid = Number(readFileSync(node.paths.lockFile, 'utf8'));
    expect(await lab.b.namespace.must('chrt', ['-p', String(pid)])).toMatch(/SCHED_RR[\s\S]*priority: 99/);
    expect(new Set(ofThreads(node, 'Uid'))).toEqual(new Set([Array(4).fill(NOBODY).join('\t')]));
    expect(new Set(ofThreads(node, 'Gid'))).toEqual(new Set([Array(4).fill(NOBODY).join('\t')]));
    expect(new Set(ofThreads(node, 'Groups').map((text) => text.trim()))).toEqual(new Set([String(NOBODY)]));
    const kept = [NET_ADMIN | SYS_NICE];
    for (const set of ['Prm', 'Eff', 'Bnd']) expect(capabilities(node, set)).toEqual(kept);
    expect(new Set(ofThreads(node, 'NoNewPrivs'))).toEqual(new Set(['1']));

    const { logFile, controlSocket, lockFile } = node.paths;
    renameSync(logFile, `${logFile}.1`);
    process.kill(pid, 'SIGHUP');
    rmSync(controlSocket);
    await until('a new log with a line', () =>
      readFileSync(logFile, 'utf8').includes("ctl' was gone: made it again"),
    );
    await expectReplication(100, 100);
    await node.command('-k');
    await until('the end', () => !readdirSync(node.paths.directory).includes('lock'));
    expect(readdirSync(node.paths.directory)).not.toContain('ctl');
    expect(lockFile).toMatch(/lock$/);
    expect(readFileSync(logFile, 'utf8')).toMatch(/shutdown received/);
  });
});

test('as another user it hears the keepalived of root, and commits', async () => {
  const fifoOf = (directory: string) => join(directory, 'keepalived.fifo');
  await lab.a.start({ program: ourProgram });
  const node = await startAsNobody(
    {},
    (directory) => `[failover]\nkeepalived_fifo = "${fifoOf(directory)}"\ngroup = "G1"\n`,
  );
  await lab.a.load(tcpLoad(100));
  await node.untilSize('external', 100);
  await lab.a.node().kill();
  const keepalived = await startKeepalived(lab, lab.b, { fifo: fifoOf(node.paths.directory) });
  await keepalived.untilMaster();
  await until('the commit', async () => (await lab.b.flowCount()) >= 100);
  expect(new Set(ofThreads(node, 'Uid'))).toEqual(new Set([Array(4).fill(NOBODY).join('\t')]));
  expect(node.log()).not.toMatch(/\[ERROR\]/);
});

test('a port below 1024 keeps the capability for it', async () => {
  for (const side of [lab.a, lab.b]) {
    await side.start({ program: ourProgram, configuration: { transport: 'TCP', port: 500 } });
  }
  const node = lab.b.node();
  await expectReplication(50);
  expect(capabilities(node, 'Bnd')).toEqual([NET_ADMIN | SYS_NICE | DAC_OVERRIDE | NET_BIND_SERVICE]);
});

test('with `drop_privileges = false` a daemon keeps what it was started with', async () => {
  const node = await lab.a.start({
    program: ourProgram,
    settings: () => '[process]\ndrop_privileges = false\n',
  });
  const own = /^CapPrm:\t(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1];
  expect(new Set(ofThreads(node, 'CapPrm'))).toEqual(new Set([own]));
});

test('without CAP_SETPCAP nothing can be given up, which is said, and the daemon works', async () => {
  const node = await lab.a.start({
    program: {
      command: 'setpriv',
      args: ['--bounding-set=-setpcap', ourProgram.command, ...ourProgram.args],
    },
    client: ourProgram,
  });
  expect(node.log()).toMatch(
    /\[warning\] cannot give up capabilities: prctl PR_CAPBSET_DROP 0: .*EPERM.*: needs CAP_SETPCAP; keeping all of them/,
  );
  expect(capabilities(node, 'Prm')[0]).not.toBe(NET_ADMIN | SYS_NICE | DAC_OVERRIDE);
});

test.each([
  ['none such', /user `none such' in \[process\]: not in \/etc\/passwd/],
  ['root', /user `root' in \[process\] is root: leave `user' out/],
])('a user that the daemon cannot become, %s, is refused', async (user, message) => {
  await expect(
    lab.a.start({ program: ourProgram, settings: () => `[process]\nuser = "${user}"\n` }),
  ).rejects.toThrow(message);
});

test('a user that may not write where the lock file is: the start is refused with the place', async () => {
  chmodSync(lab.directory, 0o755);
  const binary = join(lab.directory, 'node');
  copyFileSync(process.execPath, binary);
  await expect(
    lab.a.start({
      program: javascriptProgram(ourProgram.args[0]!, binary),
      settings: () => '[process]\nuser = "nobody"\n',
    }),
  ).rejects.toThrow(/can't create lockfile: EACCES: permission denied, open '.*lock'/);
});

test('a configuration that can be read only once is read once', async () => {
  const path = join(lab.directory, 'c.conf');
  const text = `Sync { Mode FTFW { } UDP { IPv4_address 10.99.0.1
IPv4_Destination_Address 10.99.0.2
Port 3780
Interface sync0 } }
General { LockFile ${path}.lock
UNIX { Path ${path}.ctl } }
`;
  const daemon = await lab.a.namespace.start(
    'sh',
    [
      ...['-c', 'printf %s "$0" | { "$@" -C /dev/stdin; }', text],
      ...[ourProgram.command, ...ourProgram.args],
    ],
    { env: { ...process.env, CONNTRACKD_TS_RUN_DIR: 'off' } },
  );
  await until('it works', () => readdirSync(lab.directory).includes('c.conf.ctl'));
  process.kill(Number(readFileSync(`${path}.lock`, 'utf8')), 'SIGTERM');
  expect((await daemon.ended).code).toBe(0);
});
