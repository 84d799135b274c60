import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LinkConfig } from '../../src/config/config.ts';
import { type Lab, openLab, PORT, type Side, streamKinds } from '../link/lab.ts';
import { startStation } from '../link/stations.ts';
import { untilConnected, untilMessages } from './tcp-stations.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab(2);
});
afterEach(() => lab?.close());

type Place = (side: Side) => LinkConfig;

const tcp4 = streamKinds['TCP over IPv4'];
const tcp6 = streamKinds['TCP over IPv6'];
const any4: Place = (side) => tcp4(side, 1, { address: '0.0.0.0', line: 12 } as never);
const any6: Place = (side) => tcp6(side, 1, { address: '::', line: 20 } as never);

/** Sends on each link of one side in turn; the other hears what is sent on a link on this link. */
async function areToldApart(places: readonly Place[]): Promise<void> {
  const here = await startStation(
    lab.sides[1],
    places.map((place) => place(1)),
  );
  const there = await startStation(
    lab.sides[2],
    places.map((place) => place(2)),
  );
  expect([here.warnings, there.warnings]).toEqual([[], []]);
  for (const link of places.keys()) {
    await here.heard(link);
    await there.heard(link);
    await here.send(1 + link * 100, 10);
    const { byLink } = await untilMessages(there, 10 * (link + 1));
    expect(byLink).toMatchObject({ [link]: 10 });
  }
  await here.kill();
  await there.kill();
}

describe('two TCP links with the same port', () => {
  test('of IPv4 and IPv6, on every address of one interface, are told apart', async () => {
    await areToldApart([any4, any6]);
    await areToldApart([any6, any4]);
  });

  test('of an IPv4 address, and of every address over IPv6, are told apart', async () => {
    await areToldApart([(side) => tcp4(side, 1), any6]);
  });

  test('of two interfaces, one of them on every address, are told apart', async () => {
    await areToldApart([any4, (side) => tcp4(side, 2)]);
  });

  test('of one interface and family that overlap are refused, and both are named', async () => {
    const own: Place = (side) => tcp4(side, 1, { line: 20 });
    const refusal = (addresses: string) =>
      `the TCP links in lines 12 and 20 both listen on port ${PORT} of interface \`eth1', on ${addresses}: ` +
      'give them different ports';
    for (const [first, addresses] of [
      [any4(1), '0.0.0.0 and on 10.9.1.1'],
      [tcp4(1), '10.9.1.1 and on 10.9.1.1'],
    ] as const) {
      await expect(startStation(lab.sides[1], [first, own(1)])).rejects.toThrow(refusal(addresses));
    }
  });

  test('over IPv6 alone are as they were: IPv4 may connect, where the senders name its address', async () => {
    const senderRules = { senders: ['10.9.1.2'], acceptAny: false };
    const here = await startStation(lab.sides[1], [any6(1)], { senderRules });
    const there = await startStation(lab.sides[2], [
      tcp4(2, 1, { address: '10.9.1.2', destination: '10.9.1.1' } as never),
    ]);
    await there.send(1, 5);
    expect((await untilMessages(here, 5)).runs).toEqual([[1, 5]]);
  });
});

test('a TCP link of a node to itself carries what is sent', async () => {
  const itself = tcp4(1, 1, { destination: '10.9.1.1' } as never);
  const node = await startStation(lab.sides[1], [itself]);
  await untilConnected(node);
  await node.send(1, 20);
  expect((await untilMessages(node, 20)).runs).toEqual([[1, 20]]);
});
