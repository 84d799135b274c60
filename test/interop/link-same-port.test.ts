import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import type { LinkConfig } from '../../src/config/config.ts';
import { closeStations, kinds, type Lab, openLab, openStation, type Side, say } from '../link/lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab(2);
});
afterEach(async () => {
  await closeStations();
  await lab?.close();
});

const alive = Uint8Array.of(0x1a, 16, 0, 8, 0, 0, 0, 1);
const udp4 = kinds['UDP over IPv4'];
const udp6 = kinds['UDP over IPv6'];

/** Sends on each link of one side in turn. Returns on which links of the other side each datagram arrived. */
async function arrivals(configs: (side: Side) => LinkConfig[]): Promise<number[][]> {
  const here = await openStation(lab.sides[1], configs(1));
  const there = await openStation(lab.sides[2], configs(2));
  const received: number[][] = [];
  for (const link of configs(1).keys()) {
    here.links.markCurrent(link);
    const before = there.arrivals.length;
    say(here.links, alive, alive.length);
    await until('the arrival', () => there.arrivals.length > before);
    received.push(there.arrivals.slice(before).map((arrival) => arrival.link));
  }
  expect(there.links.statistics().map(({ received }) => received.datagrams)).toEqual(received.map(() => 1));
  return received;
}

describe('two links with the same port', () => {
  test('of two interfaces are told apart', async () => {
    expect(await arrivals((side) => [udp4(side, 1), udp4(side, 2)])).toEqual([[0], [1]]);
  });

  test('are told apart though neither has an address of its own', async () => {
    const anywhere = (side: Side, cable: number) => udp4(side, cable, { address: '0.0.0.0' } as never);
    expect(await arrivals((side) => [anywhere(side, 1), anywhere(side, 2)])).toEqual([[0], [1]]);
  });

  test('are told apart though neither has an address of its own, over IPv6', async () => {
    const anywhere = (side: Side, cable: number) => udp6(side, cable, { address: '::' } as never);
    expect(await arrivals((side) => [anywhere(side, 1), anywhere(side, 2)])).toEqual([[0], [1]]);
  });

  test('are told apart though both have the same address', async () => {
    const config = (side: Side, cable: number) => udp4(side, cable, { address: '10.9.1.2' } as never);
    const here = await openStation(lab.sides[1], [udp4(1, 1), udp4(1, 2)]);
    const there = await openStation(lab.sides[2], [config(2, 1), config(2, 2)]);
    say(here.links, alive, alive.length);
    await until('the arrival', () => there.arrivals.length === 1);
    expect(there.arrivals[0]!.link).toBe(0);
  });

  test('and nothing that tells them apart are warned about', async () => {
    const here = await openStation(lab.sides[1], [udp4(1, 1), udp4(1, 1, { line: 20 })]);
    expect(here.links.warnings).toEqual([
      expect.stringContaining('links in lines 12 and 20 listen on the same address, port and interface'),
    ]);
  });

  test('of IPv4 and IPv6 on one interface are told apart', async () => {
    expect(await arrivals((side) => [udp4(side, 1), udp6(side, 1)])).toEqual([[0], [1]]);
    await closeStations();
    expect(
      await arrivals((side) => [
        udp4(side, 1, { address: '0.0.0.0' } as never),
        udp6(side, 1, { address: '::' } as never),
      ]),
    ).toEqual([[0], [1]]);
  });

  test('on one interface give way to a third one on another when it goes down', async () => {
    const here = await openStation(lab.sides[1], [udp4(1, 1), udp6(1, 1), udp4(1, 2)]);
    const there = await openStation(lab.sides[2], [udp4(2, 1), udp6(2, 1), udp4(2, 2)]);
    await lab.sides[1].ip('link set eth1 down');
    await until('the change', () => here.facts.length > 0 && there.facts.length > 0);
    expect([here.links.current, there.links.current]).toEqual([2, 2]);
    say(here.links, alive, alive.length);
    await until('the arrival', () => there.arrivals.length === 1);
    expect(there.arrivals[0]!.link).toBe(2);
  });

  test('and the same group, on two interfaces, are told apart', async () => {
    for (const kind of ['multicast over IPv4', 'multicast over IPv6'] as const) {
      const received = await arrivals((side) => [kinds[kind](side, 1), kinds[kind](side, 2)]);
      expect(received, kind).toEqual([[0], [1]]);
      await closeStations();
    }
  });
});
