import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Crowd, openCrowd } from '../../sim/netns/crowd.ts';
import {
  ADDRESSES,
  cProgram,
  type Firewall,
  type Lab,
  missingForLab,
  openLab,
  until,
} from '../../sim/netns/lab.ts';
import { environment } from '../../sim/netns/node.ts';
import { ourLauncher } from './programs.ts';

const SCRIPT = fileURLToPath(new URL('../../packaging/replace/replace-node.sh', import.meta.url));
const CONNECTIONS = 60;
const PORT = 7100;

let lab: Lab;

beforeEach(async () => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
  lab = await openLab();
});

afterEach(async () => {
  await lab?.close();
});

/** Runs a command on a firewall, with the paths of its node in the environment. */
function on({ namespace, node }: Firewall, command: string, ...args: readonly string[]) {
  const { paths } = node();
  const variables = { ...environment(ourLauncher, paths), CONNTRACKD_TS: ourLauncher.command };
  const words = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
  return namespace.run('env', [...words, command, ...args]);
}

function replace(firewall: Firewall, kind: 'ours' | 'c') {
  return on(firewall, 'sh', SCRIPT, kind, '-C', firewall.node().paths.configuration);
}

/** The command that a script gives: C's client, whichever daemon runs. */
async function order(firewall: Firewall, ...words: readonly string[]): Promise<void> {
  for (const word of words) {
    const { code, stderr } = await on(
      firewall,
      cProgram.command,
      '-C',
      firewall.node().paths.configuration,
      word,
    );
    expect([word, code, stderr]).toEqual([word, 0, '']);
  }
}

async function kindOf(firewall: Firewall): Promise<'ours' | 'c'> {
  const { paths } = firewall.node();
  const { stdout } = await on(firewall, ourLauncher.command, '-C', paths.configuration, '-s', '--json');
  return stdout.startsWith('{') ? 'ours' : 'c';
}

/** Established connections of the crowd in the external cache of a firewall's daemon. */
async function replicated(firewall: Firewall): Promise<boolean> {
  const { stdout } = await on(firewall, cProgram.command, '-C', firewall.node().paths.configuration, '-e');
  return (
    stdout.split('\n').filter((line) => line.includes('ESTABLISHED') && line.includes(`dport=${PORT}`))
      .length >= CONNECTIONS
  );
}

/** A planned failover, as a script does it: the addresses move, the one commits, the other becomes backup. */
async function moveTo(firewall: Firewall, crowd: Crowd): Promise<void> {
  const other = firewall === lab.a ? lab.b : lab.a;
  await until(`the connections at ${firewall.side}`, () => replicated(firewall));
  await lab.moveAddresses(firewall.side);
  await order(firewall, '-c', '-f', '-R', '-B');
  await order(other, '-t', '-n');
  crowd.mark();
  await until(
    'something on every connection',
    async () => (await crowd.status()).served === CONNECTIONS,
    30_000,
  );
}

describe('docs/replace.md, with connections that talk all the while', () => {
  it('there and back loses none', async () => {
    const c = { program: cProgram, daemonize: true };
    await lab.startNodes({ a: c, b: c });
    const crowd = await openCrowd(lab.client, lab.server, {
      address: ADDRESSES.server.v4,
      port: PORT,
      count: CONNECTIONS,
      intervalMs: 200,
    });
    for (const kind of ['ours', 'c'] as const) {
      for (const [backup, primary] of [
        [lab.b, lab.a],
        [lab.a, lab.b],
      ] as const) {
        const { code, stdout, stderr } = await replace(backup, kind);
        expect([code, stderr]).toEqual([0, '']);
        expect(stdout).toMatch(/^replace-node: \S+ runs\ncache internal:/);
        expect([await kindOf(backup), primary.side]).toEqual([kind, lab.active().side]);
        await moveTo(backup, crowd);
      }
    }
    expect(await crowd.status()).toMatchObject({ open: CONNECTIONS, served: CONNECTIONS });
    expect(crowd.endedAtServer()).toBe(0);
  });

  it('replaces nothing where there is nothing to replace, or what cannot work', async () => {
    await lab.startNodes({
      a: { program: cProgram, daemonize: true },
      b: { program: cProgram, daemonize: true },
    });
    const { paths } = lab.b.node();
    expect(await replace(lab.b, 'c')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('wanted already'),
    });
    expect(await on(lab.b, 'sh', SCRIPT, 'theirs')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("expected `ours' or `c'"),
    });

    // A settings file with a mistake keeps ours from starting: C's runs again.
    const settings = paths.configuration.replace(/\.conf$/, '-ts.toml');
    await lab.b.namespace.must('sh', ['-c', `echo '[nowhere]' > ${settings}`]);
    const failed = await replace(lab.b, 'ours');
    expect([failed.code, await kindOf(lab.b)]).toEqual([1, 'c']);
    expect(failed.stderr).toMatch(/section `nowhere'.*the previous daemon runs again/s);
  });
});
