import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type ConntrackdNode,
  cProgram,
  type Firewall,
  missingForLab,
  type Namespace,
  withLab,
} from '../../sim/netns/lab.ts';
import { createNamespace } from '../../sim/netns/namespace.ts';
import { openScope } from '../../sim/netns/scope.ts';
import type { Finding } from '../../src/diagnosis/finding.ts';
import { mistakesIn } from '../support/schemas.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'setpriv'])).toEqual([]);
});

interface Report {
  readonly code: number | null;
  readonly problems: number;
  readonly unseen: number;
  readonly findings: readonly Finding[];
}

async function examine(host: Namespace, path: string, before: readonly string[] = []): Promise<Report> {
  const words = [
    ...before,
    ourProgram.command,
    ...ourProgram.args,
    'doctor',
    '-C',
    path,
    '--for',
    '1s',
    '--json',
  ];
  const { code, stdout, stderr } = await host.run(words[0]!, words.slice(1));
  expect(stderr).toBe('');
  expect(mistakesIn('doctor', JSON.parse(stdout))).toEqual([]);
  return { code, ...(JSON.parse(stdout) as Omit<Report, 'code'>) };
}

function about(report: Report, check: string): Finding | undefined {
  return report.findings.find((finding) => finding.check === check);
}

const configurationOf = (node: ConntrackdNode): string => node.paths.configuration;

describe.each([
  ['a C node', cProgram],
  ['ours', ourProgram],
] as const)('on a firewall where %s runs', (_, program) => {
  test('the doctor finds it well, and then what goes wrong', async () => {
    const configuration = { mode: 'FTFW', transport: 'UDP', inGeneral: ['HashLimit 1000000'] } as const;
    await withLab({ syncLinks: 2 }, async (lab) => {
      await lab.startNodes({ a: { program, configuration }, b: { program, configuration } });
      await lab.settled();
      const connection = await lab.connect();
      await lab.replicated(connection);
      const firewall: Firewall = lab.a;
      const path = configurationOf(firewall.node());

      const well = await examine(firewall.namespace, path);
      expect(well.findings.filter(({ level }) => level === 'problem')).toEqual([]);
      expect(well.code).toBe(0);
      expect(about(well, 'ctnetlink')?.level).toBe('ok');
      expect(about(well, 'control socket')?.found).toContain('a daemon listens');
      expect(about(well, 'lock file')?.found).toContain('is held');
      expect(about(well, 'processes')).toMatchObject({ level: 'ok', found: expect.stringContaining(' (') });
      expect(about(well, 'daemon')?.found).toContain('nothing lost');
      expect(about(well, 'link sync0')).toMatchObject({
        level: 'ok',
        found: expect.stringContaining('MTU 1500'),
      });
      expect(about(well, 'tracking')?.level).toBe('ok');
      expect(about(well, 'connection table')?.found).toMatch(/tcp ESTABLISHED 1.*192\.168\.10\.10/);

      await firewall.setLinks('down', 'sync0');
      const cut = await examine(firewall.namespace, path);
      expect(cut.code).toBe(1);
      expect(about(cut, 'link sync0')).toMatchObject({ level: 'problem', found: 'the interface is down' });
      expect(about(cut, 'daemon: link sync0')?.found).toBe('DOWN');

      await firewall.node().kill();
      const dead = await examine(firewall.namespace, path);
      expect(about(dead, 'control socket')?.found).toContain('was left behind');
      // For ours it is known that nobody holds it.
      const lock = about(dead, 'lock file');
      expect(lock?.level).toBe(program === cProgram ? 'problem' : 'ok');
    });
  });
});

describe('in a bare network namespace', () => {
  test('nothing is tracked, the interface is missing, and without root it names what it cannot see', async () => {
    const scope = openScope('doc');
    try {
      const host = await createNamespace(scope, 'a');
      const path = join(scope.directory, 'node.conf');
      await writeFile(
        path,
        `Sync { Mode FTFW { }
  UDP { IPv4_address 10.9.1.1
    IPv4_Destination_Address 10.9.1.2
    Port 3780
    Interface eth1
  }
}
General {
  LockFile ${join(scope.directory, 'node.lock')}
  UNIX { Path ${join(scope.directory, 'node.ctl')} }
}
`,
      );
      const bare = await examine(host, path);
      expect(bare.code).toBe(1);
      expect(about(bare, 'link eth1')?.found).toBe('there is no such interface');
      expect(about(bare, 'tracking')).toMatchObject({ level: 'warning' });
      await host.nft('table inet t { chain c { type filter hook input priority 0; ct state new accept; }; }');
      expect(about(await examine(host, path), 'tracking')).toMatchObject({ level: 'ok' });

      await host.must('chmod', ['0755', scope.directory]);
      const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
      const blind = await examine(host, path, nobody);
      expect(about(blind, 'privileges')?.level).toBe('unseen');
      expect(about(blind, 'ctnetlink')?.level).toBe('unseen');
      expect(about(blind, 'link eth1')?.found).toBe('there is no such interface');
    } finally {
      await scope.close();
    }
  });
});
