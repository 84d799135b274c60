import { beforeAll, describe, expect, test } from 'vitest';
import { startKeepalived, VRRP_RULES } from '../../sim/netns/keepalived.ts';
import { type ConntrackdNode, cProgram, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { ourProgram, PAIRS } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'keepalived'])).toEqual([]);
});

/** What the node did since the mark, by its log. */
function notices(node: ConntrackdNode, from = 0): string[] {
  return node
    .log()
    .slice(from)
    .split('\n')
    .map((line) => line.replace(/^.*\[(?:notice|ERROR|warning)\] /, '').replace(/\d+(\.\d+)?/g, 'N'))
    .filter((line) => line !== '');
}

const PRIMARY = [
  'committing all external caches',
  'flushing caches',
  'resync with master conntrack table',
  'sending bulk update',
];
const BACKUP = ['flushing conntrack table in N secs', 'resync requested'];

describe.concurrent("keepalived with Debian's example and primary-backup.sh", () => {
  test.each(PAIRS)('hands a TCP connection over when the master dies: $name', async ({ primary, backup }) => {
    await withLab({ withoutVirtualAddresses: true, rules: VRRP_RULES }, async (lab) => {
      await lab.startNodes({ a: { program: primary }, b: { program: backup } });
      const a = await startKeepalived(lab, lab.a, primary);
      await a.untilMaster();
      const b = await startKeepalived(lab, lab.b, backup);
      await b.untilBackup();
      const [nodeA, nodeB] = [lab.a.node(), lab.b.node()];
      await until('the scripts have run', () => {
        expect(notices(nodeA)).toEqual(expect.arrayContaining(PRIMARY));
        expect(notices(nodeB)).toEqual(expect.arrayContaining(BACKUP));
        return true;
      });

      const tcp = await lab.connect();
      expect(await tcp.exchange()).toMatchObject({ ok: true, number: 1 });
      await lab.replicated(tcp);
      expect(await b.holdsAddresses()).toBe(false);

      await nodeA.kill();
      await a.kill();
      await lab.a.setLinks('down', 'in0', 'out0');
      const before = nodeB.log().length;
      await b.untilMaster();
      expect(await tcp.exchange(10_000)).toMatchObject({ ok: true, number: 2 });
      await until('the script has run', () => {
        expect(notices(nodeB, before)).toEqual(expect.arrayContaining(PRIMARY));
        return true;
      });
      expect(b.log()).not.toMatch(/error|failed/i);
    });
  });

  test('hands it over when a cable is pulled, and back again: C and ours', async () => {
    await withLab({ withoutVirtualAddresses: true, rules: VRRP_RULES }, async (lab) => {
      await lab.startNodes({ a: { program: cProgram }, b: { program: ourProgram } });
      const a = await startKeepalived(lab, lab.a, cProgram);
      await a.untilMaster();
      const b = await startKeepalived(lab, lab.b, ourProgram);
      await b.untilBackup();
      const tcp = await lab.connect();
      await lab.replicated(tcp);

      const [nodeA, nodeB] = [lab.a.node(), lab.b.node()];
      await lab.a.setLinks('down', 'in0', 'out0');
      await b.untilMaster();
      expect(await tcp.exchange(10_000)).toMatchObject({ ok: true });
      await until('the script for a fault has run', () => notices(nodeA).includes(BACKUP[0]!));
      expect(await a.holdsAddresses()).toBe(false);

      const before = nodeA.log().length;
      await lab.a.setLinks('up', 'in0', 'out0');
      await until('the script for a backup has run', () => notices(nodeA, before).includes(BACKUP[1]!));
      await until('A knows the flow from B', async () => {
        const flows = await nodeA.cache('external');
        return flows.some(({ original }) => original.sport === String(tcp.localPort));
      });
      expect(await a.holdsAddresses()).toBe(false);

      await nodeB.kill();
      await b.kill();
      await lab.b.setLinks('down', 'in0', 'out0');
      await a.untilMaster();
      expect(await tcp.exchange(10_000)).toMatchObject({ ok: true });
    });
  });
});
