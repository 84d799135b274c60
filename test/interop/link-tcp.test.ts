import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import { PEER } from '../../src/link/address-table.ts';
import { address4, type Lab, openLab, PORT, type Side, streamKinds } from '../link/lab.ts';
import { startStation } from '../link/stations.ts';
import { connectedOf, untilConnected, untilMessages } from './tcp-stations.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab(2);
});
afterEach(() => lab?.close());

const tcp = streamKinds['TCP over IPv4'];

describe.each(Object.entries(streamKinds))('%s', (_kind, config) => {
  test('carries datagrams both ways, in order, and whole up to the limit', async () => {
    const here = await startStation(lab.sides[1], [config(1)]);
    const there = await startStation(lab.sides[2], [config(2)]);
    await untilConnected(here, there);
    expect(here.payloadLimit).toBe(1500 - 40);
    await here.send(1, 200);
    await here.send(201, 50, here.payloadLimit);
    await there.send(1001, 3);
    const figures = await untilMessages(there, 250);
    expect(figures).toMatchObject({ runs: [[1, 250]], senders: [PEER], broken: 0, longest: 1460 });
    expect(await untilMessages(here, 3)).toMatchObject({ runs: [[1001, 1003]], senders: [PEER] });

    const [sent] = (await here.figures()).links;
    const bytes = 200 * 8 + 50 * 1460;
    expect(sent!.sent).toEqual({ bytes, datagrams: 250, errors: expect.any(Number) });
    expect(figures.links[0]!.received).toMatchObject({ bytes, errors: 0 });
    expect(figures.links[0]).toMatchObject({ transport: 'tcp', status: 'RUNNING', role: 'ACTIVE' });
  });
});

describe('a peer that is not there', () => {
  test('is no error at the start, and is tried once a second', async () => {
    const before = performance.now();
    const here = await startStation(lab.sides[1], [tcp(1)]);
    expect(here.warnings).toEqual([]);
    expect(await connectedOf(here)).toEqual({ server: false, client: false });
    await sleep(3_500);
    const { errors } = (await here.figures()).links[0]!.sent;
    const seconds = (performance.now() - before) / 1000;
    expect(errors).toBeGreaterThanOrEqual(3);
    expect(errors).toBeLessThanOrEqual(1 + Math.floor(seconds));
  });

  test('gets what was sent meanwhile, in order', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    await here.send(1, 100);
    const there = await startStation(lab.sides[2], [tcp(2)]);
    await here.send(101, 28);
    expect(await untilMessages(there, 128)).toMatchObject({ runs: [[1, 128]] });
  });

  test('gets the newest of it where it is more than the queue holds', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)], { errorQueueLength: 40 });
    await here.send(1, 100, 1000);
    const errors = (await here.figures()).links[0]!.sent.errors;
    expect(errors).toBeGreaterThanOrEqual(60);
    const there = await startStation(lab.sides[2], [tcp(2)]);
    expect(await untilMessages(there, 40)).toMatchObject({ runs: [[61, 100]] });
  });

  test('that is silent holds up nobody, and is found when it speaks', async () => {
    await lab.sides[2].nft(
      'table inet silence { chain input { type filter hook input priority 0; policy drop; }; }',
    );
    const here = await startStation(lab.sides[1], [tcp(1)]);
    await here.send(1, 10);
    await sleep(3_000);
    await lab.sides[2].nft('delete table inet silence');
    const there = await startStation(lab.sides[2], [tcp(2)]);
    expect(await untilMessages(there, 10)).toMatchObject({ runs: [[1, 10]] });
  });
});

describe('a peer that dies', () => {
  test('is connected again once it is back, and gets what waited', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    const first = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(here, first);
    await here.send(1, 10);
    await untilMessages(first, 10);
    await first.kill();
    await until('the loss', async () => {
      const connected = await connectedOf(here);
      return connected?.server === false && connected.client === false;
    });
    await here.send(11, 20);
    const second = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(here, second);
    await here.send(31, 20);
    expect(await untilMessages(second, 40)).toMatchObject({ runs: [[11, 50]] });
    await second.send(1, 5);
    expect(await untilMessages(here, 5)).toMatchObject({ runs: [[1, 5]], senders: [PEER] });
  });

  test('in the middle of a burst costs nothing that had not left, and never the framing', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    const first = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(here, first);
    const frozen = first.freeze(60_000).catch(() => {});
    await here.send(1, 4_000, 1_460);
    await first.kill();
    await frozen;
    const second = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(here, second);
    await here.send(4_001, 1);
    await until('the last message', async () => (await second.figures()).runs.at(-1)?.[1] === 4_001);
    const figures = await second.figures();
    // The newest 128 that waited, and the one that followed.
    expect(figures).toMatchObject({ runs: [[4_001 - 128, 4_001]], broken: 0 });
  });

  test('without a word (its power was cut) counts as gone after 20 seconds', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    const first = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(here, first);
    await lab.sides[2].nft(
      'table inet silence { chain input { type filter hook input priority 0; policy drop; }; }',
    );
    await here.send(1, 10);
    await sleep(10_000);
    expect((await connectedOf(here))?.client).toBe(true);
    await until('the loss', async () => (await connectedOf(here))?.client === false, 20_000);
    await first.kill();
    const second = await startStation(lab.sides[2], [tcp(2)]);
    await here.send(11, 10);
    await lab.sides[2].nft('delete table inet silence');
    await untilConnected(here, second);
    expect(await untilMessages(second, 10)).toMatchObject({ runs: [[11, 20]] });
  });
});

describe('a burst that is faster than the peer', () => {
  test('arrives whole and in order, and makes its sender wait', async () => {
    const here = await startStation(lab.sides[1], [tcp(1, 1, { sendBuffer: 100_000 })]);
    const there = await startStation(lab.sides[2], [tcp(2, 1, { receiveBuffer: 100_000 })]);
    await untilConnected(here, there);
    const frozen = there.freeze(2_000);
    const { congested } = await here.send(1, 10_000, 1_400);
    expect(congested).toBe(true);
    const before = await here.figures();
    expect(before.links[0]!.sent.errors).toBeGreaterThan(0);
    expect(before.links[0]!.sent.datagrams).toBeLessThan(5_000);
    await here.send(10_001, 100);
    await frozen;
    expect(await untilMessages(there, 10_100, 30_000)).toMatchObject({ runs: [[1, 10_100]], broken: 0 });
    expect(await here.figures()).toMatchObject({ congested: false, eased: 1 });
  });

  test('that does not read at all takes no more memory than the limit', async () => {
    const here = await startStation(lab.sides[1], [tcp(1, 1, { sendBuffer: 100_000 })]);
    const there = await startStation(lab.sides[2], [tcp(2, 1, { receiveBuffer: 100_000 })]);
    await untilConnected(here, there);
    const frozen = there.freeze(8_000);
    const before = await here.figures();
    // 140 MB.
    for (let n = 0; n < 10; n++) await here.send(10_000 * n + 1, 10_000, 1_400);
    const after = await here.figures();
    expect(after.links[0]!.sent.errors).toBeGreaterThan(100_000);
    expect(after.held - before.held).toBeLessThan(20 << 20);
    await frozen;
    await until('the last', async () => (await there.figures()).runs.at(-1)?.[1] === 100_000, 30_000);
    const { runs, broken } = await there.figures();
    expect(broken).toBe(0);
    // Still in order: little that went while the buffers had room, and the newest that waited.
    expect(runs.flat()).toEqual(runs.flat().sort((a, b) => a - b));
    expect(runs.at(-1)![1] - runs.at(-1)![0]).toBeGreaterThan(10_000);
  });
});

describe('redundant links', () => {
  test('what could not go over one goes over the next, in order', async () => {
    const here = await startStation(lab.sides[1], [tcp(1, 1), tcp(1, 2)]);
    const there = await startStation(lab.sides[2], [tcp(2, 2), tcp(2, 1, { port: 3999 })]);
    await until('the second link', async () => (await connectedOf(here, 1))?.client);
    expect(await connectedOf(here, 0)).toEqual({ server: false, client: false });
    await here.send(1, 20);
    await lab.sides[1].ip('link set eth1 down');
    expect(await untilMessages(there, 20)).toMatchObject({ runs: [[1, 20]], byLink: { 0: 20 } });
    expect(await here.figures()).toMatchObject({
      current: 1,
      facts: [{ kind: 'link-changed', link: 1, cause: 'interface-down' }],
    });
  });

  test('a link whose interface is created again is reopened', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    const there = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(here, there);
    await lab.sides[1].ip(
      'link del eth1',
      `link add eth1 type veth peer name eth1 netns ${lab.sides[2].name}`,
    );
    await here.send(1, 10);
    for (const side of [1, 2] as const) {
      await lab.sides[side].ip('link set eth1 up', `addr add ${address4(1, side)}/24 dev eth1`);
    }
    for (const station of [here, there]) {
      await until('the new link', async () =>
        (await station.figures()).facts.some(({ kind }) => kind === 'link-reopened'),
      );
    }
    await untilConnected(here, there);
    await here.send(11, 1);
    await until('the message', async () => (await there.figures()).runs.at(-1)?.[1] === 11);
  });
});

describe('the end', () => {
  test('of a link frees its port, and is quick though nobody listens', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    await here.send(1, 5);
    expect((await here.close()).milliseconds).toBeLessThan(1_000);
    const again = await startStation(lab.sides[1], [tcp(1)]);
    const there = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(again, there);
    expect((await again.close()).milliseconds).toBeLessThan(1_000);
    await until('the loss', async () => (await connectedOf(there))?.server === false);
  });
});

describe('a link is refused with a line that names its place', () => {
  const place = '(conntrackd.conf: link in line 12)';

  test('when its port is in use', async () => {
    await startStation(lab.sides[1], [tcp(1)]);
    const refusal = startStation(lab.sides[1], [tcp(1)]);
    await expect(refusal).rejects.toThrow(`Port ${PORT} of address ${address4(1, 1)} is in use by process `);
    await expect(refusal).rejects.toThrow(/ \((?:node|.*MainThread)\): stop the program that has it, /);
    await expect(refusal).rejects.toThrow(`or choose another ${place}`);
  });

  test("with another machine's address", async () => {
    await expect(
      startStation(lab.sides[1], [
        { ...tcp(1), address: '10.9.1.3' } as typeof tcp extends (side: Side) => infer C ? C : never,
      ]),
    ).rejects.toThrow(
      `address 10.9.1.3 is not on this machine: add it to interface \`eth1', or correct the file ${place}`,
    );
  });

  test('without the interface', async () => {
    await expect(startStation(lab.sides[1], [tcp(1, 1, { interface: 'eth9' })])).rejects.toThrow(
      `interface \`eth9' does not exist: create it, or name another ${place}`,
    );
  });
});

test('the socket buffers are as asked for, or there is a warning', async () => {
  const big = { sendBuffer: 5 << 20, receiveBuffer: 6 << 20 };
  const here = await startStation(lab.sides[1], [tcp(1, 1, big)]);
  const there = await startStation(lab.sides[2], [tcp(2, 1, { sendBuffer: 0x7fffffff })]);
  expect(here.warnings).toEqual([]);
  expect(there.warnings).toEqual([
    "SndSocketBuffer of interface `eth1' is 1073741823 bytes, not 2147483647: run with CAP_NET_ADMIN or raise " +
      'net.core.wmem_max (conntrackd.conf: link in line 12)',
  ]);
  await untilConnected(here, there);
  const listing = await lab.sides[1].must('ss', ['-t', '-n', '-m', '-o']);
  expect(listing).toContain(`tb${2 * big.sendBuffer},`);
  expect(listing).toContain(`rb${2 * big.receiveBuffer},`);
});
