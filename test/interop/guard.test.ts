import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { askNode } from '../../sim/netns/ask.ts';
import { VRRP_RULES } from '../../sim/netns/keepalived.ts';
import { ADDRESSES, type Firewall, type Lab, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { RoleRequest } from '../../src/control/codes.ts';
import type { GuardStatistics } from '../../src/control/guard.ts';
import { settingsPath } from '../../src/settings/path.ts';
import { COUNT, failOver, roleOf } from './held-failover.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'keepalived'])).toEqual([]);
});

/** A firewall that answers a packet without state with RST: its own input accepts everything. */
const ACCEPTING = 'add rule inet lab incoming accept\n';

const guardSettings = (lines = '') => `[failover.guard]\ninterfaces = ["in0", "out0"]\n${lines}\n`;

async function guardOf(firewall: Firewall): Promise<GuardStatistics> {
  return (await roleOf(firewall)).guard!;
}

async function untilGuard(firewall: Firewall, state: GuardStatistics['state'], timeout?: number) {
  await until(`guard ${state}`, async () => (await guardOf(firewall)).state === state, timeout);
}

async function setRole({ node }: Firewall, role: 'BACKUP' | 'PRIMARY' | 'FAULT'): Promise<void> {
  await askNode(node().paths.controlSocket, RoleRequest[role]);
}

/** The guard's table as nft shows it; empty where there is none. */
async function tableOf({ namespace }: Firewall): Promise<string> {
  const { stdout } = await namespace.run('nft', ['list', 'table', 'inet', 'conntrackd-ts']);
  return stdout;
}

/** Packets that the kernel says the guard dropped, also while the daemon is stopped. */
async function droppedBy(firewall: Firewall): Promise<number> {
  return Number(/counter dropped \{\s+packets (\d+)/.exec(await tableOf(firewall))?.[1] ?? 0);
}

/** Whether the client gets an answer from an address within a quarter of a second. */
async function answers({ client }: Lab, address: string): Promise<boolean> {
  return (await client.run('ping', ['-c', '1', '-W', '0.25', address])).code === 0;
}

const LAB = { withoutVirtualAddresses: true, rules: VRRP_RULES + ACCEPTING };

describe('a failover by keepalived between firewalls whose input accepts', () => {
  test('resets connections where there is no guard, as long as the flows are not committed', async () => {
    await withLab(LAB, async (lab) => {
      const { open, ended } = await failOver(lab, '', async (crowd) => {
        await until('a reset at the server', () => crowd.endedAtServer() > 0, 20_000);
      });
      expect(open).toBeLessThan(COUNT);
      expect(Object.keys(ended)).toEqual(['read ECONNRESET']);
    });
  });

  test('resets none of 120 with the guard, which drops what comes before the commit', async () => {
    await withLab(LAB, async (lab) => {
      const { open, ended } = await failOver(lab, guardSettings('lift_after_seconds = 60'), async () => {
        await until('dropped packets', async () => (await droppedBy(lab.b)) >= COUNT, 20_000);
      });
      expect(ended).toEqual({});
      expect(open).toBe(COUNT);
      const guard = await guardOf(lab.b);
      expect(guard).toMatchObject({ state: 'down', raised: 1, lifted: 1, lapsed: 0, recreated: 0 });
      expect(guard.dropped.packets).toBeGreaterThanOrEqual(COUNT);
      expect(guard.dropped.bytes).toBeGreaterThan(40 * COUNT);
      const log = lab.b.node().log();
      expect(log).toMatch(
        /guard raised on in0, out0.*guard: takeover begins \((192\.168\.10\.1 appeared on in0|203\.0\.113\.1 appeared on out0)\)/s,
      );
      expect(log).toMatch(
        /Committed \d+ new entries.*guard lifted \d+\.\d{3} s after the takeover began, \d+\.\d{3} s after it was raised: \d+ packets \(\d+ bytes\) dropped.*flushing caches/s,
      );
      expect(await lab.b.node().command('-s')).toMatch(
        /^role: primary since .*\nguard: down on in0, out0, \d+ packets \(\d+ bytes\) dropped since the start\n$/m,
      );
    });
  });
});

async function withGuard(lines: string, work: (lab: Lab) => Promise<void>): Promise<void> {
  await withLab({ rules: ACCEPTING }, async (lab) => {
    const settings = () => guardSettings(lines);
    await lab.startNodes({ a: { program: ourProgram }, b: { program: ourProgram, settings } });
    await work(lab);
  });
}

const VIRTUAL = ADDRESSES.insideVirtual.v4;
const OWN = ADDRESSES.inside.b.v4;

describe('the guard', () => {
  test('lets the own addresses, IPv6 neighbours and what is allowed through, and a commit by a script lifts it', async () => {
    await withGuard('allow = ["udp 4500", "tcp 7001 from 192.168.10.10"]', async (lab) => {
      expect(await guardOf(lab.b)).toMatchObject({ state: 'down', raised: 0 });
      expect((await roleOf(lab.b)).role).toBe('unknown');
      await setRole(lab.b, 'BACKUP');
      expect(await guardOf(lab.b)).toMatchObject({ state: 'up', raised: 1 });
      const table = await tableOf(lab.b);
      expect(table).toMatch(/elements = \{ "in0" expires \d+s\d*m?s?,\s+"out0" expires/);
      expect(table).toContain(OWN);
      expect(table).not.toMatch(/192\.168\.10\.1\b/);
      // Another's rule sets come and go.
      await lab.b.namespace.must('nft', ['flush', 'ruleset']);
      expect(await tableOf(lab.b)).not.toBe('');

      await lab.moveAddresses('b');
      await untilGuard(lab.b, 'takeover');
      expect(await answers(lab, VIRTUAL)).toBe(false);
      expect(await answers(lab, ADDRESSES.insideVirtual.v6)).toBe(false);
      expect(await answers(lab, OWN)).toBe(true);
      expect(await answers(lab, ADDRESSES.inside.b.v6)).toBe(true);
      expect(await lab.b.node().command('-s')).toMatch(
        /^guard: up until the flows are committed \(\S+ appeared on (in0|out0)\) on in0, out0, [1-9]/m,
      );
      const guard = await guardOf(lab.b);
      expect(guard.own.packets).toBeGreaterThanOrEqual(2);
      // A closed port of the firewall answers, if the packet gets there.
      const refused = (port: number) =>
        lab.client.run('nc', ['-z', '-w', '1', VIRTUAL, String(port)]).then(({ stderr }) => stderr);
      expect(await lab.client.run('nc', ['-zv', '-w', '1', VIRTUAL, '7001'])).toMatchObject({
        stderr: expect.stringContaining('refused'),
      });
      expect(await refused(7002)).not.toContain('refused');

      await lab.b.node().command('-c');
      expect(await guardOf(lab.b)).toMatchObject({ state: 'down', lifted: 1, lapsed: 0 });
      expect(await answers(lab, VIRTUAL)).toBe(true);

      // It becomes backup while the addresses are still there: what arrives is not cut off.
      await setRole(lab.b, 'BACKUP');
      expect(await guardOf(lab.b)).toMatchObject({ state: 'waiting' });
      expect(await answers(lab, VIRTUAL)).toBe(true);
      await lab.moveAddresses('a');
      await untilGuard(lab.b, 'up');
      await setRole(lab.b, 'PRIMARY');
      expect(await guardOf(lab.b)).toMatchObject({ state: 'down', raised: 2, lifted: 2 });
    });
  });

  test('goes with a daemon that is killed', async () => {
    await withGuard('lift_after_seconds = 60', async (lab) => {
      await setRole(lab.b, 'BACKUP');
      await lab.moveAddresses('b');
      await untilGuard(lab.b, 'takeover');
      expect(await answers(lab, VIRTUAL)).toBe(false);
      await lab.b.node().kill();
      await until(
        'no table, and answers',
        async () => (await tableOf(lab.b)) === '' && answers(lab, VIRTUAL),
        1000,
      );
    });
  });

  test('is lifted by the kernel while the daemon is stopped, and not raised again on a primary', async () => {
    await withGuard('lift_after_seconds = 5', async (lab) => {
      await setRole(lab.b, 'BACKUP');
      lab.b.node().signal('SIGSTOP');
      await lab.moveAddresses('b');
      expect(await answers(lab, VIRTUAL)).toBe(false);
      await until('answers', () => answers(lab, VIRTUAL), 6500);
      lab.b.node().signal('SIGCONT');
      await untilGuard(lab.b, 'lapsed');
      expect(await answers(lab, VIRTUAL)).toBe(true);
      await lab.moveAddresses('a');
      await untilGuard(lab.b, 'up');
    });
  });

  test('is lifted by its longest time where addresses move and nobody gives a role, and logs it', async () => {
    await withGuard('lift_after_seconds = 2', async (lab) => {
      await setRole(lab.b, 'FAULT');
      // Renewed several times.
      const raised = performance.now();
      await until('5 s', () => performance.now() - raised > 5000);
      expect(await guardOf(lab.b)).toMatchObject({ state: 'up', lapsed: 0 });
      await lab.moveAddresses('b');
      await untilGuard(lab.b, 'lapsed', 3500);
      expect(await answers(lab, VIRTUAL)).toBe(true);
      expect(lab.b.node().log()).toMatch(
        /\[ERROR\] guard lifted by its longest time of 2\.000 s: \S+ appeared on \S+, but nobody gave this node a role/,
      );
      expect(await lab.b.node().command('-s')).toMatch(
        /^guard: LIFTED BY ITS LONGEST TIME \(\S+ appeared on /m,
      );
      await setRole(lab.b, 'PRIMARY');
      expect(await guardOf(lab.b)).toMatchObject({ state: 'down', lapsed: 1, lifted: 0 });
    });
  });
});

describe('a guard that cannot be had', () => {
  test('is reported in one line, the daemon does not start, and nothing is left behind', async () => {
    await withLab({}, async (lab) => {
      const { paths } = await lab.a.start({ program: ourProgram });
      await lab.a.node().stop();
      const start = async (settings: string) => {
        await writeFile(settingsPath(paths.configuration), settings);
        const { code, stderr } = await lab.a.namespace.run(ourProgram.command, [
          ...ourProgram.args,
          '-C',
          paths.configuration,
        ]);
        expect(code).toBe(1);
        const left = await lab.a.namespace.run('ls', [paths.lockFile, paths.controlSocket]);
        expect(left.stdout).toBe('');
        expect(await tableOf(lab.a)).toBe('');
        expect(stderr.split('\n')).toHaveLength(2);
        return stderr;
      };
      expect(await start('[failover.guard]\ninterfaces = ["in0", "lan9"]\n')).toMatch(
        /\[ERROR\] \[failover\.guard\]: interface `lan9' does not exist, expected one of (?=.*\bin0\b)(?=.*\bout0\b)(?=.*\bsync0\b)[\w, ]+\n$/,
      );
      expect(await start('[failover.guard]\ninterfaces = []\n')).toMatch(
        /conntrackd-ts\.toml:2:14: found `\[\]', expected a list of 1 to 64 names of network interfaces/,
      );
    });
  });
});
