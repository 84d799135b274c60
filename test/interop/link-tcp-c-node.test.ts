import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import { PEER } from '../../src/link/address-table.ts';
import { Flag } from '../../src/wire/header.ts';
import { type CNode, type Lab, openLab, startCNode, streamKinds } from '../link/lab.ts';
import { startStation } from '../link/stations.ts';
import { connectedOf, untilConnected } from './tcp-stations.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab(2);
});
afterEach(() => lab?.close());

describe.each([
  ['IPv4', streamKinds['TCP over IPv4']],
  ['IPv6', streamKinds['TCP over IPv6']],
] as const)('a C node over %s', (_family, config) => {
  const number = (text: string, label: string) =>
    Number(new RegExp(`(\\d+) ${label}`).exec(text)?.[1] ?? Number.NaN);
  const bothConnected = (node: CNode) =>
    until('the C node has both connections', async () =>
      (await node.statistics('network')).includes('server=connected client=connected'),
    );

  test.each(['first', 'second'])(
    'that starts %s exchanges messages, and neither side counts an error',
    async (order) => {
      const start = () => startCNode(lab, 2, [config(2)]);
      const early = order === 'first' ? await start() : undefined;
      const here = await startStation(lab.sides[1], [config(1)]);
      const node = early ?? (await start());
      await untilConnected(here);
      await bothConnected(node);

      // Its first words, with HELLO, ALIVE after ALIVE.
      await until('three messages of the C node', async () => (await here.figures()).messages >= 3);
      const figures = await here.figures();
      expect(figures).toMatchObject({ broken: 0, senders: [PEER] });
      expect(figures.runs).toHaveLength(1);
      expect(figures.flags & (Flag.ALIVE | Flag.HELLO)).toBe(Flag.ALIVE | Flag.HELLO);

      const before = number(await node.statistics('link'), 'Bytes recv');
      for (let n = 0; n < 20; n++) await here.send(n + 1, 1);
      await until('the C node has received all', async () => {
        const bytes = number(await node.statistics('link'), 'Bytes recv');
        return bytes - before === 20 * 8;
      });
      expect(await node.statistics('link')).toMatch(/^TCP traffic device=eth1 status=RUNNING role=ACTIVE/);
      expect(await node.statistics('network')).toMatch(/Malformed messages:\s+0$/m);
      expect(await node.statistics('network')).toMatch(/Packets lost:\s+0$/m);
      const [mine] = (await here.figures()).links;
      const its = number(await node.statistics('link'), 'Bytes sent');
      expect(its - mine!.received.bytes).toBeLessThanOrEqual(16);
      expect(mine!.received.errors).toBe(0);
    },
  );

  test('gets a burst whole: thousands of messages in one piece', async () => {
    const node = await startCNode(lab, 2, [config(2)]);
    const here = await startStation(lab.sides[1], [config(1)]);
    await untilConnected(here);
    await bothConnected(node);
    const before = number(await node.statistics('link'), 'Bytes recv');
    for (let n = 0; n < 20; n++) await here.send(1_000 * n + 1, 1_000, 8 + 4 * n);
    const bytes = Array.from({ length: 20 }, (_, n) => 1_000 * (8 + 4 * n)).reduce((sum, size) => sum + size);
    await until(
      'the C node has received all',
      async () => number(await node.statistics('link'), 'Bytes recv') - before === bytes,
    );
    expect(await node.statistics('network')).toMatch(/Malformed messages:\s+0$/m);
    expect(await node.statistics('network')).toMatch(/Packets lost:\s+0$/m);
  });

  test('that dies and comes back is connected again both ways; so are we', async () => {
    const first = await startCNode(lab, 2, [config(2)]);
    const here = await startStation(lab.sides[1], [config(1)]);
    await untilConnected(here);
    await first.kill();
    await until('the loss', async () => (await connectedOf(here))?.server === false);
    const second = await startCNode(lab, 2, [config(2)]);
    await untilConnected(here);
    await bothConnected(second);

    await here.kill();
    await until('the C node sees it', async () =>
      (await second.statistics('network')).includes('server=disconnected'),
    );
    const again = await startStation(lab.sides[1], [config(1)]);
    await untilConnected(again);
    await bothConnected(second);
    const before = number(await second.statistics('link'), 'Bytes recv');
    await again.send(1, 5);
    await until(
      'five messages',
      async () => number(await second.statistics('link'), 'Bytes recv') === before + 40,
    );
    expect(await second.statistics('network')).toMatch(/Malformed messages:\s+0$/m);
  });
});
