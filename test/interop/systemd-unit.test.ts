import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { configurationText } from '../../sim/netns/configuration.ts';
import { type Lab, missingForLab, openLab, tcpLoad, until } from '../../sim/netns/lab.ts';
import { nodePaths } from '../../sim/netns/node.ts';
import { run, runOrThrow } from '../../sim/netns/process.ts';
import { type Systemd, startSystemd } from '../../sim/netns/systemd.ts';
import { ourLauncher, ourProgram } from './programs.ts';

const UNIT = 'conntrackd-ts.service';
/** So many that a commit goes through a ring. */
const FLOWS = 1500;
const FILE = new URL(`../../packaging/systemd/${UNIT}`, import.meta.url).pathname;

let lab: Lab;
let systemd: Systemd | undefined;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'systemctl', 'systemd-analyze', 'unshare', 'nsenter'])).toEqual([]);
  lab = await openLab();
});

afterEach(async () => {
  try {
    await systemd?.close();
  } finally {
    systemd = undefined;
    await lab?.close();
  }
});

/** Rings of io_uring that a process has open. */
function rings(pid: number): number {
  const descriptors = `/proc/${pid}/fd`;
  const targets = readdirSync(descriptors).map((fd) => readlinkSync(`${descriptors}/${fd}`));
  return targets.filter((target) => target === 'anon_inode:[io_uring]').length;
}

it('leaves little open, as systemd-analyze counts it', async () => {
  const { stdout } = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', FILE]);
  expect(Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)![1])).toBeLessThan(3);
});

it('runs with all its switches: they hold, and the node replicates, commits, reopens its log and ends', async () => {
  const directory = join(lab.directory, 'unit');
  const paths = nodePaths(directory);
  mkdirSync(directory);
  writeFileSync(paths.configuration, configurationText({ side: 'b', syncLinks: 1, paths }));
  systemd = await startSystemd(lab.b.namespace, directory);
  // Other paths, and those of /tmp are not to be hidden; the rest is the unit as it is.
  const unit = readFileSync(FILE, 'utf8')
    .replace(/^ExecStart=.*$/m, `ExecStart=${ourLauncher.command} -C ${paths.configuration}`)
    .replace(/^ReadWritePaths=.*$/m, `ReadWritePaths=${directory}`)
    .replace(
      /^PrivateTmp=yes$/m,
      `Environment=CONNTRACKD_TS_RUN_DIR=${paths.runDirectory} CONNTRACKD_TS_NODE=${process.execPath}`,
    );
  await systemd.startUnit(UNIT, unit);
  const { MainPID, ActiveState } = await systemd.show(UNIT, 'MainPID', 'ActiveState');
  expect(ActiveState).toBe('active');
  const pid = Number(MainPID);

  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:\\t(.*)$`, 'm').exec(status)![1];
  const kept = '0000000000801000';
  expect(['CapPrm', 'CapEff', 'CapBnd'].map(field)).toEqual([kept, kept, kept]);
  expect([field('NoNewPrivs'), field('Seccomp')]).toEqual(['1', '2']);
  const inside = (...command: string[]) => run('nsenter', [`--target=${pid}`, '--mount', '--', ...command]);
  expect((await inside('touch', '/usr/x')).stderr).toMatch(/Read-only file system/);
  expect((await inside('touch', '/etc/x')).stderr).toMatch(/Read-only file system/);
  expect((await inside('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')).stderr).toMatch(/Read-only/);
  expect((await inside('ls', '/root')).stdout).toBe('');
  expect((await inside('ls', '/dev')).stdout.split('\n')).not.toContain('kmsg');

  const ask = (...args: string[]) =>
    lab.b.namespace.must(ourProgram.command, [...ourProgram.args, '-C', paths.configuration, ...args]);
  await lab.a.start({ program: ourProgram });
  await lab.a.load(tcpLoad(FLOWS));
  await until('the flows', async () =>
    new RegExp(`cache external:\\ncurrent active connections:\\s+${FLOWS}\\n`).test(await ask('-s')),
  );
  // The event loop of newer Nodes has one of its own.
  const others = rings(pid);
  await ask('-c');
  expect(await lab.b.flowCount()).toBe(FLOWS);
  expect(rings(pid) - others).toBe(availableParallelism() > 1 ? 1 : 0);
  expect(await runOrThrow('chrt', ['-p', String(pid)])).toMatch(/SCHED_RR/);
  await lab.b.namespace.must('mv', [paths.logFile, `${paths.logFile}.1`]);
  process.kill(pid, 'SIGHUP');
  await until('a new log', () => readFileSync(paths.logFile, 'utf8') !== undefined);
  expect(readFileSync(`${paths.logFile}.1`, 'utf8')).not.toMatch(/\[(warning|ERROR)\]/);
  await ask('-k');
  await until('the end', async () => {
    const { ActiveState: state, Result } = await systemd!.show(UNIT, 'ActiveState', 'Result');
    return state === 'inactive' && Result === 'success';
  });
});
