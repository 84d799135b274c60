import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import {
  Flag,
  flagsOf,
  HEADER_SIZE,
  MessageType,
  typeOf,
  VERSION,
  versionOf,
} from '../../src/wire/header.ts';
import { closeStations, kinds, type Lab, openLab, openStation, say, startCNode } from '../link/lab.ts';

const number = (text: string, label: string) => {
  const found = new RegExp(`(\\d+) ${label}`).exec(text);
  if (!found) throw new Error(`no \`${label}' in:\n${text}`);
  return Number(found[1]);
};

/** An ALIVE message with this sequence number. */
const alive = (sequence: number) =>
  Uint8Array.of((VERSION << 4) | MessageType.CONTROL, Flag.ALIVE, 0, HEADER_SIZE, 0, 0, 0, sequence);

let lab: Lab;
beforeEach(async () => {
  lab = await openLab(2);
});
afterEach(async () => {
  await closeStations();
  await lab?.close();
});

describe.each(Object.entries(kinds))('a C node with %s', (_kind, config) => {
  test('exchanges messages, and neither side counts an error', async () => {
    const here = await openStation(lab.sides[1], [config(1)]);
    const node = await startCNode(lab, 2, [config(2)]);

    await until('an ALIVE of the C node', () =>
      here.arrivals.some(
        ({ bytes }) =>
          versionOf(bytes, 0) === VERSION &&
          typeOf(bytes, 0) === MessageType.CONTROL &&
          (flagsOf(bytes, 0) & Flag.ALIVE) !== 0,
      ),
    );
    expect(new Set(here.arrivals.map(({ sender }) => sender)).size).toBe(1);

    const before = number(await node.statistics('link'), 'Pckts recv');
    for (let n = 1; n <= 20; n++) here.links.send(alive(n), HEADER_SIZE);
    here.links.flush();
    await until(
      'the C node has received',
      async () => number(await node.statistics('link'), 'Pckts recv') >= before + 20,
    );
    const text = await node.statistics('link');
    expect(number(text, 'Bytes recv')).toBe((before + 20) * HEADER_SIZE);
    expect(text).toMatch(/device=eth1 status=RUNNING role=ACTIVE/);
    expect(await node.statistics('network')).toMatch(/Malformed messages:\s+0$/m);

    const [mine] = here.links.statistics();
    expect(mine!.sent).toEqual({ bytes: 20 * HEADER_SIZE, datagrams: 20, errors: 0 });
    const cSent = number(await node.statistics('link'), 'Pckts sent');
    expect(mine!.received.datagrams).toBeGreaterThan(0);
    expect(Math.abs(here.links.statistics()[0]!.received.datagrams - cSent)).toBeLessThanOrEqual(1);
  });
});

test('a C node follows us to another link, and we follow it', async () => {
  const config = kinds['multicast over IPv4'];
  // The C node's sockets take what comes for either membership unless the groups differ.
  const second = (side: 1 | 2) => config(side, 2, { port: 3781 });
  const here = await openStation(lab.sides[1], [config(1, 1), second(1)]);
  const node = await startCNode(lab, 2, [config(2, 1), second(2)]);
  const active = async () => /device=(\w+) status=\w+ role=ACTIVE/.exec(await node.statistics('link'))?.[1];
  expect(await active()).toBe('eth1');

  here.links.markCurrent(1);
  say(here.links, alive(1), HEADER_SIZE);
  await until('the C node speaks on eth2', async () => (await active()) === 'eth2');
  const arrived = here.arrivals.length;
  await until('its next message', () => here.arrivals.length > arrived);
  expect(here.arrivals.at(-1)!.link).toBe(1);

  await lab.sides[1].ip('link set eth2 down');
  await until('both are back', async () => here.links.current === 0 && (await active()) === 'eth1');
  expect(await node.log()).toContain("device `eth1' becomes dedicated link");
});
