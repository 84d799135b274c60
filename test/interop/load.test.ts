import { beforeAll, describe, expect, test } from 'vitest';
import {
  type ConntrackdNode,
  type Lab,
  missingForLab,
  tcpLoad,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { LARGE_TABLES } from './large-tables.ts';
import { PAIRS } from './programs.ts';

const FLOWS = 60_000;

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

async function originals(text: string): Promise<string[]> {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => /src=\S+ dst=\S+ sport=\S+ dport=\S+/.exec(line)?.[0] ?? line)
    .sort();
}

async function expectEqualCaches(lab: Lab, primary: ConntrackdNode, backup: ConntrackdNode): Promise<void> {
  const [internal, external] = await Promise.all([
    primary.command('-i').then(originals),
    backup.command('-e').then(originals),
  ]);
  expect(await lab.a.flowCount()).toBe(FLOWS);
  expect(internal.length).toBe(FLOWS);
  expect(external.length).toBe(FLOWS);
  expect(external.every((line, n) => line === internal[n])).toBe(true);
}

describe.each(PAIRS)('60,000 flows, $name', ({ primary, backup }) => {
  test('a burst arrives complete, a resync brings it again, and a commit puts it into the kernel', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes({
        a: { program: primary, configuration: LARGE_TABLES },
        b: { program: backup, configuration: LARGE_TABLES },
      });
      await lab.settled();
      const [a, b] = [lab.a.node(), lab.b.node()];
      await lab.a.load(tcpLoad(FLOWS));
      await b.untilSize('external', FLOWS, 30_000);
      await expectEqualCaches(lab, a, b);

      await b.command('-f', 'external');
      expect((await b.sizes()).external).toBe(0);
      await b.command('-n');
      await b.untilSize('external', FLOWS, 30_000);

      await b.command('-f', 'external');
      await a.command('-B');
      await b.untilSize('external', FLOWS, 30_000);
      await expectEqualCaches(lab, a, b);

      await b.command('-c');
      expect(await lab.b.flowCount()).toBe(FLOWS);
      expect(await b.log()).toContain(`Committed ${FLOWS} new entries`);
    });
  });
});

describe.each(PAIRS)('20 % loss on the sync link, $name', ({ primary, backup }) => {
  test('both caches are equal within seconds after the load ends', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes({
        a: { program: primary, configuration: LARGE_TABLES },
        b: { program: backup, configuration: LARGE_TABLES },
      });
      await lab.settled();
      const losses = await Promise.all([lab.a.lose(20), lab.b.lose(20)]);
      await lab.a.load(tcpLoad(20_000));
      await lab.b.node().untilSize('external', 20_000, 15_000);
      for (const loss of losses) expect(await loss.dropped()).toBeGreaterThan(0);
      await lab.a.conntrack('-D', '-p', 'tcp', '--orig-port-src', '1024').catch(() => '');
      const left = await lab.a.flowCount();
      await until(
        'the ends of flows arrive too',
        async () => (await lab.b.node().sizes()).external === left || undefined,
        15_000,
      );
    });
  });
});
