import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import { PEER } from '../../src/link/address-table.ts';
import { LinkError } from '../../src/link/link.ts';
import { type Links, openLinks } from '../../src/link/links.ts';
import {
  address4,
  closeStations,
  inNamespace,
  kinds,
  type Lab,
  openLab,
  openStation,
  PORT,
  say,
} from '../link/lab.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await openLab(2);
});
afterAll(() => lab?.close());
afterEach(closeStations);

const silent = { datagram: () => {}, drained: () => {}, fact: () => {} };
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (line: string) => new TextEncoder().encode(line);

describe.each(Object.entries(kinds))('%s', (_kind, config) => {
  test('carries datagrams both ways, in order, and whole up to the limit', async () => {
    const here = await openStation(lab.sides[1], [config(1)]);
    const there = await openStation(lab.sides[2], [config(2)]);
    const scratch = new Uint8Array(65_536);
    for (let n = 0; n < 200; n++) {
      const { written } = new TextEncoder().encodeInto(`datagram ${n}`, scratch);
      here.links.send(scratch, written);
    }
    scratch.fill(7);
    say(here.links, scratch, here.links.payloadLimit);
    say(there.links, bytesOf('answer'), 6);

    await until('all arrivals', () => there.arrivals.length >= 201 && here.arrivals.length >= 1);
    expect(there.arrivals.slice(0, 200).map(({ bytes }) => text(bytes))).toEqual(
      Array.from({ length: 200 }, (_, n) => `datagram ${n}`),
    );
    expect(there.arrivals[200]!.bytes).toEqual(new Uint8Array(1500 - 28).fill(7));
    expect(new Set(there.arrivals.map(({ sender }) => sender)).size).toBe(1);
    expect(here.arrivals.map(({ bytes }) => text(bytes))).toEqual(['answer']);

    const [sent] = here.links.statistics();
    const [received] = there.links.statistics();
    expect(sent!.sent).toEqual({ bytes: received!.received.bytes, datagrams: 201, errors: 0 });
    expect(received!.received).toMatchObject({ datagrams: 201, errors: 0 });
    expect(there.turns[0]).toBeLessThan(201);
  });

  test('does not bring back what it sent itself', async () => {
    const here = await openStation(lab.sides[1], [config(1)]);
    const there = await openStation(lab.sides[2], [config(2)]);
    say(here.links, bytesOf('one'), 3);
    say(here.links, bytesOf('two'), 3);
    say(there.links, bytesOf('end'), 3);
    await until('the arrivals', () => there.arrivals.length === 2 && here.arrivals.length > 0);
    expect(here.arrivals.map(({ bytes }) => text(bytes))).toEqual(['end']);
  });

  test('gives each datagram the link it came in on, with the same port and group on both', async () => {
    const here = await openStation(lab.sides[1], [config(1, 1), config(1, 2)]);
    const there = await openStation(lab.sides[2], [config(2, 1), config(2, 2, { default: true })]);
    expect([here.links.current, there.links.current]).toEqual([0, 1]);
    say(here.links, bytesOf('first'), 5);
    say(there.links, bytesOf('second'), 6);
    await until('the arrivals', () => there.arrivals.length > 0 && here.arrivals.length > 0);
    expect(there.arrivals).toMatchObject([{ link: 0, bytes: bytesOf('first') }]);
    expect(here.arrivals).toMatchObject([{ link: 1, bytes: bytesOf('second') }]);
  });
});

test('the peer has one number on all UDP links, and any other sender has another one', async () => {
  const udp = kinds['UDP over IPv4'];
  const senderRules = { senders: ['10.9.1.77'], acceptAny: false };
  const here = await openStation(lab.sides[1], [udp(1, 1), udp(1, 2)], { senderRules });
  const peer = await openStation(lab.sides[2], [udp(2, 1), udp(2, 2)]);
  await lab.sides[2].ip('addr add 10.9.1.77/24 dev eth1');
  say(peer.links, bytesOf('on one'), 6);
  peer.links.markCurrent(1);
  say(peer.links, bytesOf('on two'), 6);
  await lab.sides[2].must('sh', ['-c', `printf forged | nc -u -w1 -s 10.9.1.77 ${address4(1, 1)} ${PORT}`]);
  await until('the arrivals', () => here.arrivals.length === 3);
  const senderOf = (line: string) => here.arrivals.find(({ bytes }) => text(bytes) === line)?.sender;
  expect([senderOf('on one'), senderOf('on two')]).toEqual([PEER, PEER]);
  expect(senderOf('forged')).not.toBe(PEER);
});

describe('the UDP checksum', () => {
  async function onWire(kind: 'UDP over IPv4' | 'UDP over IPv6', checksum: boolean): Promise<number> {
    const here = await openStation(lab.sides[1], [kinds[kind](1, 1, { checksum })]);
    const header = kind === 'UDP over IPv4' ? 20 : 40;
    const capture = await lab.sides[2].start('tcpdump', ['-i', 'eth1', '-x', '-n', '-c', '1', 'udp']);
    let hex = '';
    capture.onLine((line) => {
      if (/^\s+0x/.test(line)) hex += line.replace(/^\s+0x[0-9a-f]+:/, '').replace(/\s/g, '');
    });
    await until('tcpdump listens', () => capture.stderr().includes('listening on'));
    say(here.links, bytesOf('payload'), 7);
    await until('the captured packet', () => hex.length >= 2 * (header + 8 + 7));
    return Buffer.from(hex, 'hex').readUInt16BE(header + 6);
  }

  test('is there by default', async () => {
    expect(await onWire('UDP over IPv4', true)).not.toBe(0);
  });

  test('is 0 with `Checksum off` over IPv4', async () => {
    expect(await onWire('UDP over IPv4', false)).toBe(0);
  });

  test('is there over IPv6 in any case', async () => {
    expect(await onWire('UDP over IPv6', false)).not.toBe(0);
  });
});

describe('the socket buffers', () => {
  const sizes = async (side: 1 | 2) => {
    const listing = await lab.sides[side].must('ss', ['-u', '-a', '-n', '-m']);
    const sizesOf = (word: string) =>
      [...listing.matchAll(new RegExp(`\\b${word}(\\d+)`, 'g'))].map((m) => Number(m[1]));
    return { receive: sizesOf('rb'), send: sizesOf('tb') };
  };

  test('are as asked for, beyond the limits of the kernel', async () => {
    const big = { sendBuffer: 5 << 20, receiveBuffer: 6 << 20 };
    const { links } = await openStation(lab.sides[1], [kinds['multicast over IPv4'](1, 1, big)]);
    expect(links.warnings).toEqual([]);
    say(links, bytesOf('so that the sender has a port and is listed'), 1);
    const { receive, send } = await sizes(1);
    // The kernel keeps twice what was asked for.
    expect(receive).toContain(2 * big.receiveBuffer);
    expect(send).toContain(2 * big.sendBuffer);
  });

  test('without the right to force them stay within the limits of the kernel, with a warning', async () => {
    const limit = Number(await lab.sides[1].must('sysctl', ['-n', 'net.core.rmem_max']));
    const config = kinds['multicast over IPv6'](1, 1, { receiveBuffer: limit + 1 });
    const links: Links = await inNamespace(lab.sides[1], async () => {
      process.seteuid!('nobody');
      try {
        return await openLinks([config], silent);
      } finally {
        process.seteuid!('root');
      }
    });
    await links.close();
    expect(links.warnings).toEqual([
      `RcvSocketBuffer of interface \`eth1' is ${limit} bytes, not ${limit + 1}: run with CAP_NET_ADMIN or raise ` +
        'net.core.rmem_max (conntrackd.conf: link in line 12)',
    ]);
  });

  test('that cannot be had give a warning', async () => {
    const tooBig = { sendBuffer: 0x7fffffff };
    const { links } = await openStation(lab.sides[1], [kinds['UDP over IPv4'](1, 1, tooBig)]);
    expect(links.warnings).toEqual([
      "SndSocketBuffer of interface `eth1' is 1073741823 bytes, not 2147483647: run with CAP_NET_ADMIN or raise " +
        'net.core.wmem_max (conntrackd.conf: link in line 12)',
    ]);
  });
});

test('the limit follows the MTU, and is that of the smallest link', async () => {
  await lab.sides[1].ip('link set eth2 mtu 1400');
  try {
    const udp = kinds['UDP over IPv6'];
    const { links } = await openStation(lab.sides[1], [udp(1, 1), udp(1, 2)]);
    expect(links.payloadLimit).toBe(1400 - 28);
  } finally {
    await lab.sides[1].ip('link set eth2 mtu 1500');
  }
});

describe('sending', () => {
  test('counts what fails and goes on', async () => {
    const { links } = await openStation(lab.sides[1], [kinds['UDP over IPv4'](1)]);
    say(links, new Uint8Array(70_000), 70_000);
    say(links, bytesOf('small'), 5);
    expect(links.statistics()[0]!.sent).toEqual({ bytes: 5, datagrams: 1, errors: 1 });
  });

  test('goes on one by one where the kernel refuses to cut what is sent together', async () => {
    const here = await openStation(lab.sides[1], [kinds['UDP over IPv4'](1)]);
    const there = await openStation(lab.sides[2], [kinds['UDP over IPv4'](2)]);
    // A datagram alone is sent in fragments there.
    await lab.sides[1].ip(`route add ${address4(1, 2)}/32 dev eth1 mtu 800`);
    try {
      const payload = new Uint8Array(1000);
      for (let n = 0; n < 40; n++) {
        payload[0] = n;
        here.links.send(payload, payload.length);
      }
      here.links.flush();
      await until('all of them', () => there.arrivals.length === 40);
    } finally {
      await lab.sides[1].ip(`route del ${address4(1, 2)}/32`);
    }
    expect(there.arrivals.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 40 }, (_, n) => n));
    expect(here.links.statistics()[0]!.sent).toEqual({ bytes: 40_000, datagrams: 40, errors: 0 });
  });

  test('waits in order when the send buffer is full', async () => {
    const small = { sendBuffer: 2304 };
    const here = await openStation(lab.sides[1], [kinds['UDP over IPv4'](1, 1, small)]);
    const there = await openStation(lab.sides[2], [kinds['UDP over IPv4'](2, 1, { receiveBuffer: 8 << 20 })]);
    // Nobody answers for this neighbour yet, so the kernel keeps the first datagrams and they fill the buffer.
    const neighbour = `${address4(1, 2)} dev eth1`;
    await lab.sides[2].ip('link set eth1 arp off');
    await lab.sides[1].ipLenient(`neigh del ${neighbour}`);
    const count = 50;
    const payload = new Uint8Array(1000);
    for (let n = 0; n < count; n++) {
      payload[0] = n;
      here.links.send(payload, payload.length);
    }
    here.links.flush();
    const before = here.links.statistics()[0]!.sent;
    expect(before.datagrams).toBeLessThan(count);
    expect(before.errors).toBe(0);
    await lab.sides[2].ip('link set eth1 arp on');
    await until('all of them', () => there.arrivals.length === count);
    expect(there.arrivals.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: count }, (_, n) => n));
    await until('the count', () => here.links.statistics()[0]!.sent.datagrams === count);
  });
});

describe('opening fails with one line of advice', () => {
  const failure = async (config: Parameters<typeof openLinks>[0][number]) => {
    try {
      const links = await inNamespace(lab.sides[1], () => openLinks([config], silent));
      await links.close();
    } catch (error) {
      expect(error).toBeInstanceOf(LinkError);
      return (error as LinkError).message;
    }
    throw new Error('the link was opened');
  };

  test('without the interface', async () => {
    const config = kinds['UDP over IPv4'](1, 1, { interface: 'eth9' });
    expect(await failure(config)).toBe(
      "interface `eth9' does not exist: create it, or name another (conntrackd.conf: link in line 12)",
    );
  });

  test("with another machine's address", async () => {
    const config = { ...kinds['UDP over IPv4'](1), address: '10.9.1.3' } as ReturnType<
      (typeof kinds)['UDP over IPv4']
    >;
    expect(await failure(config)).toBe(
      "address 10.9.1.3 is not on this machine: add it to interface `eth1', or correct the file " +
        '(conntrackd.conf: link in line 12)',
    );
  });

  test('with an interface address that is nowhere', async () => {
    const config = { ...kinds['multicast over IPv4'](1), interfaceAddress: '10.9.1.3' } as ReturnType<
      (typeof kinds)['multicast over IPv4']
    >;
    expect(await failure(config)).toBe(
      'no interface of this machine has the address 10.9.1.3 (IPv4_interface): add the address to the interface, ' +
        'or correct the file (conntrackd.conf: link in line 12)',
    );
  });

  test('when another program has the port for itself', async () => {
    const holder = await lab.sides[1].start(process.execPath, [
      '-e',
      `const socket = require('node:dgram').createSocket('udp4');
      socket.bind({ port: ${PORT}, exclusive: true }, () => console.log('bound'));`,
    ]);
    try {
      await new Promise<void>((resolve) => holder.onLine(() => resolve()));
      // Node 24 and later name their main thread.
      const name = readFileSync(`/proc/${holder.pid}/comm`, 'utf8').trim();
      expect(await failure(kinds['UDP over IPv4'](1))).toContain(
        `Port ${PORT} of address ${address4(1, 1)} is in use by process ${holder.pid} (${name}): stop the program that has it, or choose another`,
      );
    } finally {
      await holder.stop();
    }
  });
});
