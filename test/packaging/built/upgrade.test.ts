import { copyFileSync, existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cProgram, type Lab, missingForLab, openLab, tcpLoad, until } from '../../../sim/netns/lab.ts';
import { processesIn } from '../../../sim/netns/scope.ts';
import { type BareRoot, builtPackage, openBareRoot } from './bare-root.ts';
import { NEXT_VERSION, writeNextVersion } from './next-version.ts';

const FLOWS = 200;
const CONFIGURATION = '/etc/conntrackd/conntrackd.conf';
const SETTINGS = '/etc/conntrackd/conntrackd-ts.toml';
const LOGROTATE = '/etc/logrotate.d/conntrackd-ts';

let lab: Lab;
let root: BareRoot;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'debootstrap', 'chroot'])).toEqual([]);
  lab = await openLab();
  root = await openBareRoot(lab.b.namespace, join(lab.directory, 'root'));
  copyFileSync(builtPackage(), at('/root/package.deb'));
  await writeNextVersion(at('/root/next.deb'));
});

afterEach(async () => {
  await lab?.close();
});

const at = (path: string) => join(root.path, path);
const install = (file: string) =>
  root.must('apt-get', 'install', '-y', '--allow-downgrades', `/root/${file}.deb`);
const version = async () => (await root.must('conntrackd-ts', '--version')).trim();
const inSync = () =>
  until('in sync', async () =>
    (await root.must('conntrackd-ts', '-s', '--in-sync').catch(() => '')).startsWith(
      `in sync: ${FLOWS} flows of 1 peer`,
    ),
  );
const daemon = (): number => {
  const processes = processesIn(lab.b.namespace.name);
  expect(processes).toHaveLength(1);
  return processes[0]!;
};

it('upgrades and downgrades beside the running daemon, keeps what the operator wrote, and ends with the package', async () => {
  const before = await root.listing();
  await install('package');
  const first = await version();
  await root.must('conntrackd-ts', 'init', '--interface', 'sync0', '--peer', '10.99.0.1', '--yes');
  const settings = `${readFileSync(at(SETTINGS), 'utf8')}\n[log]\nformat = "json"\n`;
  writeFileSync(at(SETTINGS), settings);
  const configuration = readFileSync(at(CONFIGURATION), 'utf8');
  await lab.a.start({ program: cProgram });
  await lab.a.load(tcpLoad(FLOWS));
  await root.must('conntrackd-ts', '-d');
  await inSync();

  for (const [file, expected] of [
    ['next', NEXT_VERSION],
    ['package', first],
  ] as const) {
    const pid = daemon();
    const said = await install(file);
    expect(said).toContain(`process ${pid} is still the previous version`);
    expect(said).toContain('\n  conntrackd-ts -k; conntrackd-ts -d');
    expect(await version()).toBe(expected);
    expect([daemon(), readlinkSync(`/proc/${pid}/exe`)]).toEqual([
      pid,
      expect.stringMatching(/ \(deleted\)$/),
    ]);
    expect(readFileSync(at(SETTINGS), 'utf8')).toBe(settings);
    expect(readFileSync(at(CONFIGURATION), 'utf8')).toBe(configuration);

    // The client of one version asks the daemon of the other.
    await inSync();
    await root.must('conntrackd-ts', '-c');
    expect(await lab.b.flowCount()).toBe(FLOWS);
    await lab.b.namespace.must('conntrack', ['-F']);

    await root.must('conntrackd-ts', '-k');
    await until('the end of the daemon', () => processesIn(lab.b.namespace.name).length === 0);
    await root.must('conntrackd-ts', '-d');
    await inSync();
    expect(readlinkSync(`/proc/${daemon()}/exe`)).not.toMatch(/deleted/);
  }

  const again = await install('package');
  expect(again).not.toContain('previous version');

  await root.must('apt-get', 'remove', '-y', 'conntrackd-ts');
  expect(processesIn(lab.b.namespace.name)).toEqual([]);
  expect([SETTINGS, CONFIGURATION, LOGROTATE].map((path) => existsSync(at(path)))).toEqual([
    true,
    true,
    true,
  ]);
  expect(await root.listing()).not.toContainEqual(expect.stringMatching(/^\/usr.*conntrackd/));
  expect(readFileSync(at(SETTINGS), 'utf8')).toBe(settings);

  await root.must('apt-get', 'purge', '-y', 'conntrackd-ts');
  const names = (lines: readonly string[]) => lines.map((line) => line.split(' ')[0]!);
  expect(names(await root.listing()).filter((name) => !names(before).includes(name))).toEqual([
    '/etc/conntrackd',
    CONFIGURATION,
    '/etc/conntrackd/peer',
    '/etc/conntrackd/peer/conntrackd.conf',
  ]);
}, 600_000);
