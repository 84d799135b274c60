import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cProgram, type Lab, missingForLab, openLab, tcpLoad, until } from '../../../sim/netns/lab.ts';
import { processesIn } from '../../../sim/netns/scope.ts';
import { type BareRoot, builtPackage, openBareRoot } from './bare-root.ts';

/** The operator's, and as good for C's daemon. */
const WRITTEN_BY_INIT = ['conntrackd.conf', 'peer', 'peer/conntrackd.conf'].map(
  (name) => `/etc/conntrackd/${name}`,
);

let lab: Lab;
let root: BareRoot;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'debootstrap', 'chroot'])).toEqual([]);
  lab = await openLab();
  root = await openBareRoot(lab.b.namespace, join(lab.directory, 'root'));
  copyFileSync(builtPackage(), join(root.path, 'root/package.deb'));
});

afterEach(async () => {
  await lab?.close();
});

const install = () => root.must('apt-get', 'install', '-y', '/root/package.deb');
const purge = () => root.must('apt-get', 'purge', '-y', 'conntrackd-ts');
const at = (path: string) => join(root.path, path);

it('installs with what every Debian has, starts nothing, and leaves nothing when it is purged', async () => {
  const before = await root.listing();
  await install();
  expect(await root.must('dpkg', '--verify', 'conntrackd-ts')).toBe('');
  expect(await root.must('conntrackd-ts', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect((await root.run('node', '--version')).code).not.toBe(0);
  expect(processesIn(lab.b.namespace.name)).toEqual([]);
  expect(readdirSync(at('etc/systemd/system'), { recursive: true }).join(' ')).not.toMatch(/conntrackd/);
  for (const path of [
    'usr/lib/systemd/system/conntrackd-ts.service',
    'etc/conntrackd/conntrackd-ts.toml',
    'etc/logrotate.d/conntrackd-ts',
    'usr/share/bash-completion/completions/conntrackd-ts',
    'usr/share/conntrackd-ts/wireshark/conntrackd.lua',
  ]) {
    expect([path, existsSync(at(path))]).toEqual([path, true]);
  }
  await purge();
  expect(await root.listing()).toEqual(before);
});

it('replicates with a C node, with the capability that a container has, and is purged without a trace of the daemon', async () => {
  await install();
  const before = await root.listing();
  await lab.a.start({ program: cProgram });
  await root.must('conntrackd-ts', 'init', '--interface', 'sync0', '--peer', '10.99.0.1', '--yes');
  // The steps of the container's recipe: the program with CAP_NET_ADMIN alone.
  await root.must(
    'setpriv',
    ...['--bounding-set', '-all,+net_admin', '--inh-caps', '-all,+net_admin'],
    ...['conntrackd-ts', '-d'],
  );
  await lab.a.load(tcpLoad(200));
  await until('the flows of the C node', async () =>
    /cache external:\ncurrent active connections:\s+200\n/.test(await root.must('conntrackd-ts', '-s')),
  );
  await root.must('conntrackd-ts', '-c');
  expect(await lab.b.flowCount()).toBe(200);
  await until('a HELLO at the C node', async () => (await lab.a.node().packetsReceived()) > 0);
  await until('in sync', async () =>
    /^in sync: 200 flows of 1 peer/.test(await root.must('conntrackd-ts', '-s', '--in-sync')),
  );
  await root.must('conntrackd-ts', '-k');
  await until('the end of the daemon', () => processesIn(lab.b.namespace.name).length === 0);
  const log = readFileSync(at('var/log/conntrackd-ts.log'), 'utf8');
  expect(log.match(/\[(?:warning|ERROR)\].*/g)).toEqual([
    expect.stringContaining('scheduler configuration failed'),
  ]);

  await purge();
  const after = await root.listing();
  const paths = (lines: readonly string[]) => lines.map((line) => line.split(' ')[0]!);
  expect(paths(after).filter((path) => !paths(before).includes(path))).toEqual(WRITTEN_BY_INIT);
  expect(paths(after).filter((path) => path.includes('conntrackd'))).toEqual([
    '/etc/conntrackd',
    ...WRITTEN_BY_INIT,
  ]);
});
