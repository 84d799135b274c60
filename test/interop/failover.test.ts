import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startKeepalived, VRRP_RULES } from '../../sim/netns/keepalived.ts';
import { cProgram, type Firewall, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import type { RoleStatistics } from '../../src/control/role.ts';
import { settingsPath } from '../../src/settings/path.ts';
import { mistakesIn } from '../support/schemas.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'keepalived'])).toEqual([]);
});

/** Runs our `role` with these arguments for the firewall's node, whichever program that is. */
function role({ namespace, node }: Firewall, ...args: readonly string[]) {
  const { command, args: first } = ourProgram;
  return namespace.run(command, [...first, 'role', ...args, '-C', node().paths.configuration]);
}

async function roleOf(firewall: Firewall): Promise<RoleStatistics> {
  const { stdout, stderr } = await role(firewall, '--json');
  if (stdout === '') throw new Error(stderr);
  expect(mistakesIn('role', JSON.parse(stdout))).toEqual([]);
  return JSON.parse(stdout) as RoleStatistics;
}

async function untilRole(firewall: Firewall, wanted: RoleStatistics['role']): Promise<RoleStatistics> {
  let found: RoleStatistics | undefined;
  await until(wanted, async () => {
    found = await roleOf(firewall);
    return found.role === wanted && !found.changing;
  });
  return found!;
}

describe('keepalived with a FIFO and no script', () => {
  test('hands a TCP connection over when the master dies, and the node logs what it did', async () => {
    await withLab({ withoutVirtualAddresses: true, rules: VRRP_RULES }, async (lab) => {
      const fifoOf = (directory: string) => join(directory, 'keepalived.fifo');
      const settings = ({ directory }: { readonly directory: string }) =>
        `[failover]\nkeepalived_fifo = "${fifoOf(directory)}"\ngroup = "G1"\n`;
      await lab.startNodes({ a: { program: ourProgram, settings }, b: { program: ourProgram, settings } });
      const [nodeA, nodeB] = [lab.a.node(), lab.b.node()];
      const a = await startKeepalived(lab, lab.a, { fifo: fifoOf(nodeA.paths.directory) });
      await a.untilMaster();
      expect(await untilRole(lab.a, 'primary')).toMatchObject({ source: 'keepalived' });
      const b = await startKeepalived(lab, lab.b, { fifo: fifoOf(nodeB.paths.directory) });
      await b.untilBackup();
      await untilRole(lab.b, 'backup');

      const tcp = await lab.connect();
      expect(await tcp.exchange()).toMatchObject({ ok: true, number: 1 });
      await lab.replicated(tcp);

      await nodeA.kill();
      await a.kill();
      await lab.a.setLinks('down', 'in0', 'out0');
      await b.untilMaster();
      expect(await tcp.exchange(10_000)).toMatchObject({ ok: true, number: 2 });

      const found = await untilRole(lab.b, 'primary');
      expect(found).toMatchObject({
        source: 'keepalived',
        changes: 2,
        lastCommit: { failed: 0, complete: true },
      });
      expect(found.lastCommit!.committed).toBeGreaterThan(0);
      expect(found.lastTakeoverMs).toBeLessThan(1000);
      expect(found.since).toBeGreaterThan(Date.now() - 60_000);
      expect(await nodeB.command('-s')).toMatch(
        /^role: primary since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(keepalived\), last takeover took 0\.\d{3} s$/m,
      );
      expect(nodeB.log()).toContain('becoming primary (asked by keepalived)');
      expect(b.log()).not.toMatch(/error|failed/i);
    });
  });

  test('reads what keepalived wrote while the daemon was down, and goes on after a restart of keepalived', async () => {
    await withLab({ withoutVirtualAddresses: true, rules: VRRP_RULES }, async (lab) => {
      const fifo = join(lab.directory, 'keepalived.fifo');
      const settings = () => `[failover]\nkeepalived_fifo = "${fifo}"\ninstance = "VI_1"\n`;
      await lab.startNodes({ a: { program: ourProgram, settings }, b: { program: cProgram } });
      const first = await startKeepalived(lab, lab.a, { fifo });
      await first.untilMaster();
      await untilRole(lab.a, 'primary');
      await first.kill();
      const line = await lab.a.namespace.run('sh', [
        '-c',
        `echo 'INSTANCE "VI_2" BACKUP 1' > ${fifo}; echo 'INSTANCE "VI_1" FAULT 1' > ${fifo}`,
      ]);
      expect(line.code).toBe(0);
      expect(await untilRole(lab.a, 'fault')).toMatchObject({ keepalived: { malformed: 0 } });
    });
  });
});

describe('`role`', () => {
  test('does what a script does, in one process, and reports the outcome', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes({ a: { program: cProgram }, b: { program: ourProgram } });
      const tcp = await lab.connect();
      expect(await tcp.exchange()).toMatchObject({ ok: true, number: 1 });
      await lab.replicated(tcp);
      const nodeB = lab.b.node();
      expect(await roleOf(lab.b)).toMatchObject({ role: 'unknown', changes: 0 });
      expect(await role(lab.b, 'backup')).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(nodeB.log()).toMatch(
        /becoming backup \(asked by a command\).*flushing conntrack table in 60 secs.*resync requested/s,
      );
      expect(await role(lab.b, 'primary')).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(nodeB.log()).toMatch(
        /becoming primary.*committing all external caches.*Committed \d+ new entries.*flushing caches.*resync with master conntrack table.*sending bulk update/s,
      );
      expect(await role(lab.b)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^role: primary since /),
      });

      const refused = await role(lab.b, 'boss');
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/^role: found `boss', expected one of primary, backup, fault\n/);
      const asC = await role(lab.a, 'primary');
      expect(asC).toMatchObject({ code: 1, stdout: '' });
      expect(asC.stderr).toContain('the daemon knows no roles (it is a C node, or keeps statistics only)');
      await nodeB.stop();
      expect(await role(lab.b)).toMatchObject({ code: 1, stderr: expect.stringContaining("can't connect") });
    });
  });
});

describe('a settings file with a mistake', () => {
  test('is reported in one line, the daemon does not start, and nothing is left behind', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes({ a: { program: ourProgram }, b: { program: cProgram } });
      const { paths } = lab.a.node();
      await lab.a.node().stop();
      const file = settingsPath(paths.configuration);
      await writeFile(file, '[failover]\nkeepalived_fifo = "x"\n');
      const { code, stdout, stderr } = await lab.a.namespace.run(ourProgram.command, [
        ...ourProgram.args,
        '-C',
        paths.configuration,
      ]);
      expect(code).toBe(1);
      expect(stdout).toBe('');
      expect(stderr.replace(/^\[.*?\] /, '')).toBe(
        `(pid=${/pid=(\d+)/.exec(stderr)![1]}) [ERROR] ${file}:2:19: found \`x', expected an absolute path for \`keepalived_fifo'\n`,
      );
      const left = await lab.a.namespace.run('ls', [paths.lockFile, paths.controlSocket]);
      expect(left.stdout).toBe('');
    });
  });
});
