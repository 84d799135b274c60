import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cProgram, type Lab, missingForLab, openLab, tcpLoad, until } from '../../../sim/netns/lab.ts';
import { builtPackage } from './bare-root.ts';
import { openContainerHost } from './container-host.ts';

const RECIPE = 'packaging/container/Containerfile';
const FLOWS = 200;

const here = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

let lab: Lab;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'debootstrap', 'dpkg-deb'])).toEqual([]);
  lab = await openLab();
});

afterEach(async () => {
  await lab?.close();
});

/** The commands that stand at the head of the recipe, each in one line. */
function commands(): readonly string[] {
  const head = readFileSync(here(RECIPE), 'utf8').split('\nFROM ')[0]!;
  return head
    .replaceAll(/ \\\n# +/g, ' ')
    .split('\n')
    .flatMap((line) => /^# {3}(\S.*)$/.exec(line)?.[1] ?? []);
}

it('is built without a registry, and replicates with a C node, with CAP_NET_ADMIN alone', async () => {
  const [stage, build, folder, init, start, status, ...others] = commands();
  expect(others).toEqual([]);
  const path = join(lab.directory, 'root');
  const host = await openContainerHost(lab.b.namespace, path);
  // On the machine that builds, whose network it needs.
  expect(stage).toMatch(/^sh packaging\/container\/stage\.sh out\/conntrackd-ts_\*_\w+\.deb$/);
  const staged = join(path, 'root/out/container');
  execFileSync('sh', [here('packaging/container/stage.sh'), builtPackage(), staged], { stdio: 'pipe' });
  cpSync(here(RECIPE), join(path, 'root', RECIPE));

  await host.must(build!);
  await host.must(folder!);
  await host.must(init!.replace('eth2', 'sync0').replace('10.0.0.2', '10.99.0.1'));
  await lab.a.start({ program: cProgram });
  await host.must(start!);
  const inside = (...args: string[]) => host.must(`podman exec conntrackd-ts ${args.join(' ')}`);

  await lab.a.load(tcpLoad(FLOWS));
  await until('in sync', async () => {
    const { stdout } = await host.run('podman exec conntrackd-ts conntrackd-ts -s --in-sync');
    return stdout.startsWith(`in sync: ${FLOWS} flows of 1 peer`);
  });
  await inside('conntrackd-ts', '-c');
  expect(await lab.b.flowCount()).toBe(FLOWS);
  await until('a HELLO at the C node', async () => (await lab.a.node().packetsReceived()) > 0);
  expect(await inside('cat', '/proc/1/status')).toMatch(/^CapEff:\t0{12}1000$/m);
  expect((await host.run(status!)).stdout).toContain(`${FLOWS}`);
  expect(JSON.parse(await inside('conntrackd-ts', 'doctor', '--json')).facts).toBeDefined();

  const logged = await inside('cat', '/var/log/conntrackd-ts.log');
  expect(logged.match(/\[(?:warning|ERROR)\].*/g)).toEqual([
    expect.stringContaining('scheduler configuration failed'),
  ]);
  await host.must('podman stop conntrackd-ts');
  expect(await host.must('podman inspect --format "{{.State.ExitCode}}" conntrackd-ts')).toBe('0\n');
}, 900_000);
