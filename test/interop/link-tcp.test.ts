import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cProgram, missingForLab, tcpLoad, withLab } from '../../sim/netns/lab.ts';
import { until } from '../../sim/netns/until.ts';
import { PEER } from '../../src/link/address-table.ts';
import { Flag } from '../../src/wire/header.ts';
import {
  address4,
  type CNode,
  type Lab,
  openLab,
  PORT,
  type Side,
  startCNode,
  streamKinds,
} from '../link/lab.ts';
import { type RemoteStation, startStation } from '../link/stations.ts';
import { PAIRS } from './programs.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab(2);
});
afterEach(() => lab?.close());

const tcp = streamKinds['TCP over IPv4'];
const BOTH = { server: true, client: true };

const connectedOf = async (station: RemoteStation, link = 0) =>
  (await station.figures()).links[link]!.connected;

async function untilConnected(...stations: readonly RemoteStation[]): Promise<void> {
  for (const station of stations) {
    await until('both connections', async () => {
      const connected = await connectedOf(station);
      return connected?.server && connected.client;
    });
  }
}

async function untilMessages(station: RemoteStation, count: number, timeout?: number) {
  await until(
    `${count} messages`,
    async () => {
      const { messages } = await station.figures();
      if (messages < count) throw new Error(`${messages} so far`);
      return true;
    },
    timeout,
  );
  return station.figures();
}

/** What runs in a namespace and connects to a link: `code` sees `socket`. */
function intruder(side: Side, host: string, code: string, options = '') {
  const program = `
    const socket = require('node:net').connect({ host: '${host}', port: ${PORT} ${options} });
    socket.on('error', () => {});
    ${code}`;
  return lab.sides[side].start(process.execPath, ['-e', program]);
}

describe.each(Object.entries(streamKinds))('%s', (_kind, config) => {
  test('carries datagrams both ways, in order, and whole up to the limit', async () => {
    const here = await startStation(lab.sides[1], [config(1)]);
    const there = await startStation(lab.sides[2], [config(2)]);
    await untilConnected(here, there);
    expect(here.payloadLimit).toBe(1500 - 40);
    await here.send(1, 200);
    await here.send(201, 50, here.payloadLimit);
    await there.send(1001, 3);
    const heard = await untilMessages(there, 250);
    expect(heard).toMatchObject({ runs: [[1, 250]], senders: [PEER], broken: 0, longest: 1460 });
    expect(await untilMessages(here, 3)).toMatchObject({ runs: [[1001, 1003]], senders: [PEER] });

    const [sent] = (await here.figures()).links;
    const bytes = 200 * 8 + 50 * 1460;
    expect(sent!.sent).toEqual({ bytes, datagrams: 250, errors: expect.any(Number) });
    expect(heard.links[0]!.received).toMatchObject({ bytes, errors: 0 });
    expect(heard.links[0]).toMatchObject({ transport: 'tcp', status: 'RUNNING', role: 'ACTIVE' });
  });
});

describe('a peer that is not there', () => {
  test('is no error at the start, and is tried once a second', async () => {
    const here = await startStation(lab.sides[1], [tcp(1)]);
    expect(here.warnings).toEqual([]);
    expect(await connectedOf(here)).toEqual({ server: false, client: false });
    await sleep(3_500);
    const { errors } = (await here.figures()).links[0]!.sent;
    expect(errors).toBeGreaterThanOrEqual(3);
    expect(errors).toBeLessThanOrEqual(4);
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
    const heard = await second.figures();
    // The newest 128 that waited, and the one that followed.
    expect(heard).toMatchObject({ runs: [[4_001 - 128, 4_001]], broken: 0 });
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
  test('arrives whole and in order, and tells its sender to wait', async () => {
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
    const heard = await untilMessages(here, 5_000);
    await flood.stop('SIGKILL');
    expect(heard).toMatchObject({ runs: [[1, 5_000]], broken: 0, senders: [PEER] });
    expect(heard.links[0]!.received.errors).toBeGreaterThanOrEqual(100);
    expect(await connectedOf(here)).toEqual(BOTH);
  });

  test('a stranger is heard while the peer is not there, as in the C node, and makes way for it', async () => {
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
    const heard = await untilMessages(here, 1);
    expect(heard.senders).not.toContain(PEER);
    expect(heard.links[0]!.connected).toEqual({ server: true, client: false });
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

  test('a stream of the peer without any messages is begun anew', async () => {
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
    const heard = await here.figures();
    expect(heard.runs).toEqual([[1, 1]]);
    expect(heard.links[0]).toMatchObject({ connected: { server: false }, received: { errors: 1 } });
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

  test('a link whose interface is made anew is opened anew', async () => {
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
    await expect(startStation(lab.sides[1], [tcp(1)])).rejects.toThrow(
      `Port ${PORT} of address ${address4(1, 1)} is in use: stop the program that has it, or choose another ${place}`,
    );
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

  test.each(['first', 'second'])('that starts %s is heard, and hears: neither finds fault', async (order) => {
    const start = () => startCNode(lab, 2, [config(2)]);
    const early = order === 'first' ? await start() : undefined;
    const here = await startStation(lab.sides[1], [config(1)]);
    const node = early ?? (await start());
    await untilConnected(here);
    await bothConnected(node);

    // Its first words, with HELLO, ALIVE after ALIVE.
    await until('three messages of the C node', async () => (await here.figures()).messages >= 3);
    const heard = await here.figures();
    expect(heard).toMatchObject({ broken: 0, senders: [PEER] });
    expect(heard.runs).toHaveLength(1);
    expect(heard.flags & (Flag.ALIVE | Flag.HELLO)).toBe(Flag.ALIVE | Flag.HELLO);

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
  });

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

describe.each(PAIRS)('a whole pair in FT-FW mode: $name', (pair) => {
  const options = { translatedPorts: [30_000, 39_999] } as const;

  test.each([4, 6] as const)(
    'a TCP connection outlives the primary, replicated over IPv%i',
    async (family) => {
      expect(missingForLab(['conntrackd'])).toEqual([]);
      await withLab(options, async (firewalls) => {
        const configuration = { mode: 'FTFW', transport: 'TCP', family } as const;
        const [a, b] = await Promise.all([
          firewalls.a.start({ program: pair.primary, configuration }),
          firewalls.b.start({ program: pair.backup, configuration }),
        ]);
        const connection = await firewalls.connect();
        expect(await connection.exchange()).toMatchObject({ ok: true, number: 1 });
        await firewalls.replicated(connection);
        for (const node of [a, b]) {
          // The C node connects when it has something to say.
          await until('both connections', async () =>
            /^TCP traffic \(active device=sync0\) server=connected client=connected:$/m.test(
              await node.command('-s', 'network'),
            ),
          );
          expect(await node.command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
        }
        await firewalls.failover({ commit: true });
        await until('the loss of the primary', async () =>
          (await b.command('-s', 'network')).includes('server=disconnected'),
        );
        expect(await connection.exchange()).toMatchObject({ ok: true, number: 2 });
      });
    },
  );

  test('a bulk that is faster than the backup arrives, if not at once', async () => {
    const flows = 20_000;
    await withLab({}, async (firewalls) => {
      const configuration = {
        mode: 'FTFW',
        transport: 'TCP',
        inTransport: ['SndSocketBuffer 20000', 'RcvSocketBuffer 20000'],
      } as const;
      await firewalls.a.load(tcpLoad(flows));
      const a = await firewalls.a.start({ program: pair.primary, configuration });
      const b = await firewalls.b.start({ program: pair.backup, configuration });
      await firewalls.settled();
      b.signal('SIGSTOP');
      await a.command('-B');
      await sleep(1_000);
      b.signal('SIGCONT');
      if (pair.primary === cProgram) {
        // The C node leaves out the rest of what was written in part, and its queue drops what is too much.
        await until(
          'nearly all, and the connection',
          async () =>
            (await b.sizes()).external > 0.9 * flows &&
            (await b.command('-s', 'network')).includes('server=connected'),
          30_000,
        );
        // Seen once: the resync too came without one flow (on which side it was lost was not captured). Asked for again.
        const complete = async () => {
          if ((await b.sizes()).external === flows) return true;
          await b.command('-n');
          return false;
        };
        await until('all of them', complete, 30_000, 4_000);
      } else {
        await b.untilSize('external', flows);
        expect(await b.command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
        expect(await b.command('-s', 'network')).toMatch(/Packets lost:\s+0$/m);
      }
      await b.untilSize('external', flows, 20_000);
    });
  });

  test('a bulk of many flows, and a peer that starts late, lose nothing', async () => {
    const flows = 20_000;
    await withLab({}, async (firewalls) => {
      const configuration = { mode: 'FTFW', transport: 'TCP' } as const;
      await firewalls.a.load(tcpLoad(flows));
      const a = await firewalls.a.start({ program: pair.primary, configuration });
      await a.untilSize('internal', flows);
      const b = await firewalls.b.start({ program: pair.backup, configuration });
      await firewalls.settled();
      await b.command('-n');
      await b.untilSize('external', flows, 30_000);
      expect(await b.command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
    });
  });
});
