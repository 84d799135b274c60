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
const BOTH = { server: true, client: true };

/** What runs in a namespace and connects to a link: `code` sees `socket`. */
function intruder(side: Side, host: string, code: string, options = '') {
  const program = `
    const socket = require('node:net').connect({ host: '${host}', port: ${PORT} ${options} });
    socket.on('error', () => {});
    ${code}`;
  return lab.sides[side].start(process.execPath, ['-e', program]);
}

describe('what is no peer', () => {
  test('garbage ends its own connection alone', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    const there = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(here, there);
    await lab.sides[2].ip(`addr add 10.9.1.77/24 dev eth1`);
    const flood = await intruder(
      2,
      address4(1, 1),
      `const junk = Buffer.alloc(1 << 20, 0xff);
       let closed = 0;
       const again = () => {
         const next = require('node:net').connect({ host: '${address4(1, 1)}', port: ${PORT}, localAddress: '10.9.1.77' });
         next.on('error', () => {});
         next.on('close', () => { closed++; console.log(closed); again(); });
         next.write(junk);
       };
       again();`,
      ", localAddress: '10.9.1.77'",
    );
    let refused = 0;
    flood.onLine((line) => {
      refused = Number(line);
    });
    await until('a hundred intruders', () => refused >= 100);
    for (let n = 0; n < 50; n++) {
      await there.send(100 * n + 1, 100);
      await sleep(10);
    }
    const figures = await untilMessages(here, 5_000);
    await flood.stop('SIGKILL');
    expect(figures).toMatchObject({ runs: [[1, 5_000]], broken: 0, senders: [PEER] });
    expect(figures.links[0]!.refused.sender?.count).toBeGreaterThanOrEqual(100);
    expect(figures.links[0]!.refused.sender?.last).toBe('10.9.1.77');
    expect(await connectedOf(here)).toEqual(BOTH);
  });

  test('a stranger is refused, also while the peer is absent', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    await lab.sides[2].ip(`addr add 10.9.1.77/24 dev eth1`);
    const stranger = await intruder(
      2,
      address4(1, 1),
      `socket.write(Buffer.from('1a10000800000001', 'hex'));
       socket.on('close', () => console.log('closed'));`,
      ", localAddress: '10.9.1.77'",
    );
    let closed = false;
    stranger.onLine(() => {
      closed = true;
    });
    await until('the end of the stranger', () => closed);
    expect(await here.figures()).toMatchObject({
      messages: 0,
      links: [{ connected: { server: false }, refused: { sender: { count: 1, last: '10.9.1.77' } } }],
    });
  });

  test.each([
    ['with accept_any_sender', { senders: [], acceptAny: true }],
    ['that the senders name', { senders: ['10.9.1.77'], acceptAny: false }],
  ])('a stranger %s is accepted while the peer is absent, and makes way for it', async (_, senderRules) => {
    const here = await startStation(lab.sides[1], [tcp(1)], { senderRules });
    await lab.sides[2].ip(`addr add 10.9.1.77/24 dev eth1`);
    const stranger = await intruder(
      2,
      address4(1, 1),
      `socket.write(Buffer.from('1a10000800000001', 'hex'));
       socket.on('close', () => console.log('closed'));`,
      ", localAddress: '10.9.1.77'",
    );
    let closed = false;
    stranger.onLine(() => {
      closed = true;
    });
    const figures = await untilMessages(here, 1);
    expect(figures.senders).not.toContain(PEER);
    expect(figures.links[0]!.connected).toEqual({ server: true, client: false });
    const there = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(here, there);
    await until('the end of the stranger', () => closed);
  });

  test('a stream of the peer that lost its framing finds it again', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    await intruder(
      2,
      address4(1, 1),
      `socket.write(Buffer.from('1a10000800000001' + '1a10000000000002' + '1a10000800000003', 'hex'));`,
    );
    expect(await untilMessages(here, 2)).toMatchObject({
      runs: [
        [1, 1],
        [3, 3],
      ],
      broken: 1,
      links: [{ connected: { server: true }, received: { bytes: 24, errors: 0 } }],
    });
  });

  test('a stream of the peer without any messages is closed and connected again', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    const broken = await intruder(
      2,
      address4(1, 1),
      `socket.write(Buffer.from('1a10000800000001' + 'ff'.repeat(200000), 'hex'));
       socket.on('error', (error) => console.log(error.code));`,
    );
    const codes: string[] = [];
    broken.onLine((line) => codes.push(line));
    await until('the reset', () => codes.length > 0);
    expect(codes).toEqual(['ECONNRESET']);
    const figures = await here.figures();
    expect(figures.runs).toEqual([[1, 1]]);
    expect(figures.links[0]).toMatchObject({ connected: { server: false }, received: { errors: 1 } });
    const there = await startStation(lab.sides[2], [tcp(2)]);
    await there.send(9, 1);
    expect((await untilMessages(here, 2)).runs).toEqual([
      [1, 1],
      [9, 9],
    ]);
  });

  test('a second connection of the peer takes the place of the first one', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    const there = await startStation(lab.sides[2], [tcp(2)]);
    await untilConnected(here, there);
    const before = (await there.figures()).links[0]!.sent.errors;
    const usurper = await intruder(2, address4(1, 1), "socket.on('close', () => console.log('closed'));");
    let closed = false;
    usurper.onLine(() => {
      closed = true;
    });
    // The peer comes back at once, and the place is its own again.
    await until('the return of the peer', () => closed);
    await untilConnected(here, there);
    expect((await there.figures()).links[0]!.sent.errors).toBe(before + 1);
  });
});
