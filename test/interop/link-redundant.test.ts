import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import {
  address4,
  closeStations,
  inNamespace,
  kinds,
  type Lab,
  openLab,
  openStation,
  say,
} from '../link/lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab(2);
});
afterEach(async () => {
  await closeStations();
  await lab?.close();
});

const config = kinds['multicast over IPv4'];
const alive = Uint8Array.of(0x1a, 16, 0, 8, 0, 0, 0, 1);

test('when the interface of the current link goes down, the other one takes over, until it fails too', async () => {
  const here = await openStation(lab.sides[1], [config(1, 1), config(1, 2)]);
  const there = await openStation(lab.sides[2], [config(2, 1), config(2, 2)]);
  const statuses = () => here.links.statistics().map(({ status, role }) => `${status} ${role}`);
  expect(statuses()).toEqual(['RUNNING ACTIVE', 'RUNNING BACKUP']);
  await lab.sides[1].ip('link set eth1 down');
  await until('the change', () => here.facts.length > 0);
  expect(here.facts).toEqual([{ kind: 'link-changed', link: 1, interface: 'eth2', cause: 'interface-down' }]);
  expect(statuses()).toEqual(['DOWN BACKUP', 'RUNNING ACTIVE']);
  // The peer's interface is up, but its cable leads nowhere.
  await until('the loss of carrier', () => there.links.statistics()[0]!.status === 'NO-CARRIER');
  expect(there.facts).toEqual(here.facts);

  say(here.links, alive, alive.length);
  await until('the arrival', () => there.arrivals.length === 1);
  expect(there.arrivals[0]).toMatchObject({ link: 1, bytes: alive });

  await lab.sides[1].ip('link set eth2 down');
  await until('the end of all links', () => here.facts.length === 2);
  expect(here.facts[1]).toEqual({ kind: 'no-link' });
  expect(statuses()).toEqual(['DOWN BACKUP', 'DOWN ACTIVE']);
  say(here.links, alive, alive.length);
  expect(here.links.statistics()[1]!.sent.errors).toBe(1);

  await lab.sides[1].ip('link set eth1 up');
  await until('a link again', () => here.facts.length === 3);
  expect(here.links.current).toBe(0);
  say(here.links, alive, alive.length);
  await until('the arrival', () => there.arrivals.length === 2);
  expect(there.arrivals[1]).toMatchObject({ link: 0 });
});

test('the link on which the peer sends becomes current when the owner marks it', async () => {
  const here = await openStation(lab.sides[1], [config(1, 1), config(1, 2)]);
  const there = await openStation(lab.sides[2], [config(2, 1), config(2, 2, { default: true })]);
  say(there.links, alive, alive.length);
  await until('the arrival', () => here.arrivals.length === 1);
  expect(here.links.current).toBe(0);
  here.links.markCurrent(here.arrivals[0]!.link);
  expect(here.links.current).toBe(1);
  expect(here.facts).toEqual([{ kind: 'link-changed', link: 1, interface: 'eth2', cause: 'peer-heard' }]);
  say(here.links, alive, alive.length);
  await until('the answer', () => there.arrivals.length === 1);
  expect(there.arrivals[0]!.link).toBe(1);
});

test('a default link whose interface is down at the start gives way at once', async () => {
  await lab.sides[1].ip('link set eth1 down');
  const here = await openStation(lab.sides[1], [config(1, 1), config(1, 2)]);
  expect(here.links.current).toBe(1);
  expect(here.facts).toEqual([{ kind: 'link-changed', link: 1, interface: 'eth2', cause: 'interface-down' }]);
});

test('a link whose interface is removed and created again is reopened as soon as it has its address', async () => {
  const here = await openStation(lab.sides[1], [config(1)]);
  const there = await openStation(lab.sides[2], [config(2)]);
  say(here.links, alive, alive.length);
  await until('the arrival', () => there.arrivals.length === 1);

  await lab.sides[1].ip('link del eth1', `link add eth1 type veth peer name eth1 netns ${lab.sides[2].name}`);
  for (const side of [1, 2] as const) await lab.sides[side].ip('link set eth1 up');
  await until('the interfaces', () => here.links.statistics()[0]!.status === 'RUNNING');
  for (const side of [1, 2] as const) {
    await inNamespace(lab.sides[side], async () => {
      await lab.sides[side].ip(`addr add ${address4(1, side)}/24 dev eth1`);
      const { facts } = side === 1 ? here : there;
      await until('the new link', () => facts.some(({ kind }) => kind === 'link-reopened'));
    });
  }
  say(here.links, alive, alive.length);
  await until('the arrival', () => there.arrivals.length === 2);
  expect(here.links.statistics()[0]!.sent).toEqual({ bytes: 16, datagrams: 2, errors: 0 });
});
