import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cProgram, type Lab, missingForLab, openLab, tcpLoad, until } from '../../../sim/netns/lab.ts';
import { builtPackage } from './bare-root.ts';
import { type BootedRoot, bootRoot } from './booted-root.ts';
import { writeNextVersion } from './next-version.ts';

const UNIT = 'conntrackd-ts.service';
const UNIT_OF_C = 'conntrackd.service';
const REPLACE = '/usr/share/conntrackd-ts/replace/replace-node.sh';
const FLOWS = 200;

let lab: Lab;
let path: string;
let root: BootedRoot | undefined;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'debootstrap', 'systemd-nspawn'])).toEqual([]);
  lab = await openLab();
  path = join(lab.directory, 'root');
  root = await bootRoot(lab.b.namespace, path, ['logrotate', 'conntrackd']);
  copyFileSync(builtPackage(), join(path, 'root/package.deb'));
  await writeNextVersion(join(path, 'root/next.deb'));
});

afterEach(async () => {
  try {
    await root?.close();
  } finally {
    root = undefined;
    await lab?.close();
  }
});

it("is a unit that takes over from C's and gives back, rotates its log, outlives an upgrade, and ends with the package", async () => {
  const { must, stateOf } = root!;
  const states = () => Promise.all([stateOf(UNIT_OF_C), stateOf(UNIT)]);
  // Debian starts C's daemon when its package is installed, with a configuration of its own.
  await must('systemctl', 'stop', UNIT_OF_C);
  await must('rm', '/etc/conntrackd/conntrackd.conf');
  await must('apt-get', 'install', '-y', '/root/package.deb');
  expect(await states()).toEqual(['inactive', 'inactive']);
  expect((await root!.run('systemctl', 'is-enabled', UNIT)).stdout).toBe('disabled\n');

  await lab.a.start({ program: cProgram });
  await lab.a.load(tcpLoad(FLOWS));
  await must('conntrackd-ts', 'init', '--interface', 'sync0', '--peer', '10.99.0.1', '--yes');
  await must('systemctl', 'start', UNIT_OF_C);
  expect(await states()).toEqual(['active', 'inactive']);

  await must('sh', REPLACE, 'ours');
  expect(await states()).toEqual(['inactive', 'active']);
  const inSync = new RegExp(`^in sync: ${FLOWS} flows of 1 peer`);
  await until('in sync', async () => inSync.test(await must('conntrackd-ts', '-s', '--in-sync')));
  expect(await must('systemctl', 'show', UNIT, '--property=NRestarts')).toBe('NRestarts=0\n');

  await must('logrotate', '--force', '/etc/logrotate.d/conntrackd-ts');
  const log = join(path, 'var/log/conntrackd-ts.log');
  await until('a new log', () => existsSync(`${log}.1`) && existsSync(log));
  expect(readFileSync(`${log}.1`, 'utf8')).not.toMatch(/\[(warning|ERROR)\]/);
  expect(await states()).toEqual(['inactive', 'active']);

  await must('sh', REPLACE, 'c');
  expect(await states()).toEqual(['active', 'inactive']);
  await must('sh', REPLACE, 'ours');

  await must('systemctl', 'enable', UNIT);
  const main = () => must('systemctl', 'show', UNIT, '--property=MainPID', '--property=ActiveEnterTimestamp');
  const old = await main();
  const said = await must('apt-get', 'install', '-y', '/root/next.deb');
  expect(said).toContain(`process ${/MainPID=(\d+)/.exec(old)![1]} is still the previous version`);
  expect(said).toContain('\n  systemctl restart conntrackd-ts');
  expect(await main()).toBe(old);
  expect(await must('systemctl', 'show', UNIT, '--property=Description', '--property=NeedDaemonReload')).toBe(
    'Description=The next version\nNeedDaemonReload=no\n',
  );
  expect(await must('systemctl', 'is-enabled', UNIT)).toBe('enabled\n');
  await until('in sync', async () => inSync.test(await must('conntrackd-ts', '-s', '--in-sync')));
  await must('systemctl', 'restart', UNIT);
  expect(await main()).not.toBe(old);
  expect(await states()).toEqual(['inactive', 'active']);

  await must('apt-get', 'purge', '-y', 'conntrackd-ts');
  expect(await states()).toEqual(['inactive', 'inactive']);
  expect(existsSync(log)).toBe(false);
  expect(await must('find', '/etc/systemd', '/var/lib/systemd', '-name', 'conntrackd-ts*')).toBe('');
});
