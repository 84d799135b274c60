import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import { openLinks } from '../../src/link/links.ts';
import { closeStations, inNamespace, kinds, type Lab, openLab, openStation, PORT, say } from '../link/lab.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await openLab(1);
  await lab.sides[2].ip('addr add 10.9.1.77/24 dev eth1', 'addr add fd00:9:1::77/64 dev eth1 nodad');
});
afterAll(() => lab?.close());
afterEach(closeStations);

const bytesOf = (line: string) => new TextEncoder().encode(line);
const silent = { datagram: () => {}, drained: () => {}, fact: () => {} };

/** Sends `count` datagrams from one address of side 2 to the port of another. */
async function send(from: string, to: string, count: number): Promise<void> {
  const type = from.includes(':') ? 'udp6' : 'udp4';
  const program = `
    const socket = require('node:dgram').createSocket('${type}');
    socket.bind({ address: '${from}' }, async () => {
      if (${JSON.stringify(to)}.startsWith('225.')) socket.setMulticastInterface('${from}');
      for (let n = 0; n < ${count}; n++)
        await new Promise((done) => socket.send('stranger', ${PORT}, '${to}', done));
      socket.close();
    });`;
  await lab.sides[2].must(process.execPath, ['-e', program]);
}

describe.each([
  ['UDP over IPv4', '10.9.1.77', '10.9.1.1'],
  ['UDP over IPv6', 'fd00:9:1::77', 'fd00:9:1::1'],
] as const)('%s', (kind, stranger, own) => {
  test('refuses what does not come from the destination, counts it and names its sender', async () => {
    const here = await openStation(lab.sides[1], [kinds[kind](1)]);
    const there = await openStation(lab.sides[2], [kinds[kind](2)]);
    await send(stranger, own, 50);
    say(there.links, bytesOf('peer'), 4);
    await until('the peer', () => here.arrivals.length > 0);
    await until('the strangers', () => here.links.refusalsOn(0).countOf('sender') === 50);
    expect(here.arrivals.map(({ bytes }) => new TextDecoder().decode(bytes))).toEqual(['peer']);
    expect(here.links.statistics()[0]).toMatchObject({
      received: { datagrams: 1, errors: 0 },
      refused: { sender: { count: 50, last: stranger } },
    });
  });

  test.each([
    ['it is named in the senders', { senders: [stranger], acceptAny: false }],
    ['any sender is accepted', { senders: [], acceptAny: true }],
  ])('takes what comes from elsewhere where %s', async (_, senderRules) => {
    const here = await openStation(lab.sides[1], [kinds[kind](1)], { senderRules });
    await send(stranger, own, 3);
    await until('the arrivals', () => here.arrivals.length === 3);
    expect(here.links.refusalsOn(0).countOf('sender')).toBe(0);
  });
});

describe('multicast over IPv4', () => {
  const multicast = kinds['multicast over IPv4'];

  test('takes what any sender on the link sends to the group', async () => {
    const here = await openStation(lab.sides[1], [multicast(1)]);
    await send('10.9.1.77', '225.0.0.50', 3);
    await until('the arrivals', () => here.arrivals.length === 3);
  });

  test('takes what the senders send alone, where some are named', async () => {
    const senderRules = { senders: ['10.9.1.2', 'fd00:9:1::2'], acceptAny: false };
    const here = await openStation(lab.sides[1], [multicast(1)], { senderRules });
    await send('10.9.1.77', '225.0.0.50', 5);
    await send('10.9.1.2', '225.0.0.50', 2);
    await until('the arrivals', () => here.arrivals.length === 2);
    await until('the stranger', () => here.links.refusalsOn(0).countOf('sender') === 5);
    expect(here.links.refusalsOn(0).lastOf('sender')).toBe('10.9.1.77');
  });

  test('is refused where no sender is of its family', async () => {
    const options = { senderRules: { senders: ['fd00:9:1::2'], acceptAny: false } };
    const open = () => inNamespace(lab.sides[1], () => openLinks([multicast(1)], silent, options));
    await expect(open()).rejects.toThrow(
      "none of the senders in [links] of the settings file is an IPv4 address: add the peer's to it (conntrackd.conf: link in line 12)",
    );
  });
});
