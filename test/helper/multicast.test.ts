import { describe, expect, it } from 'vitest';
import { dhcpv6 } from '../../src/helper/dhcpv6.ts';
import { mdns, slp } from '../../src/helper/multicast-query.ts';
import { ssdpTcp, ssdpUdp } from '../../src/helper/ssdp.ts';
import {
  bytes,
  CLIENT,
  CLIENT_6,
  destinationTranslated,
  flowOf,
  PUBLIC,
  packet,
  SERVER,
  sourceTranslated,
} from './flows.ts';

const ALL = '255.255.255.255';
const ALL_6 = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

describe('dhcpv6', () => {
  const flow = flowOf('fe80::1', 'ff02::1:2', 'udp', [546, 547]);
  const hear = (payload: number[], on = flow) =>
    dhcpv6.inspect(packet('original', Uint8Array.from(payload)), on, undefined);

  it.each([
    [1, 120],
    [3, 30],
    [4, 4],
    [5, 600],
    [6, 600],
    [8, 1],
    [9, 1],
    [11, 120],
  ])('expects the answer to message %d from any server, and waits %d s for it', (type, timeout) => {
    const ends = { family: 6, source: '::', protocol: 17 };
    expect(hear([type, 0, 0, 1])).toEqual({
      verdict: 'accept',
      expected: [
        {
          expectation: {
            master: flow.original,
            expected: { ...ends, destination: 'fe80::1', ports: { source: 0, destination: 546 } },
            mask: { ...ends, destination: ALL_6, ports: { source: 0, destination: 0xffff } },
            flags: 1,
          },
        },
      ],
      timeout,
    });
  });

  it('drops what no message of DHCPv6 is, and expects nothing of the others', () => {
    expect(hear([14]).verdict).toBe('drop');
    expect(hear([255]).verdict).toBe('drop');
    for (const type of [0, 2, 7, 10, 12, 13])
      expect(hear([type])).toEqual({ verdict: 'accept', expected: [] });
    expect(hear([])).toEqual({ verdict: 'accept', expected: [] });
    expect(hear([1], flowOf('fe80::1', 'fe80::2', 'udp', [546, 547])).expected).toEqual([]);
    expect(hear([255], flowOf('fe80::1', 'fe80::2', 'udp', [546, 547])).verdict).toBe('accept');
    expect(hear([1], flowOf(CLIENT, '224.0.0.1', 'udp', [546, 547])).expected).toEqual([]);
  });
});

describe.each([
  [
    'mdns',
    mdns,
    5353,
    '\0\0\0\0\0\x01\0\0\0\0\0\0',
    ['', '\0\0\0\0\0\x01\0\0\0\0\0', '\0\0\x84\0\0\x01\0\0\0\0\0\0'],
  ],
  ['slp', slp, 427, '\x02\x01', ['', '\x02', '\x02\x02', '\x03\x01', '\x02\x08']],
] as const)('%s', (_, helper, port, query, others) => {
  it.each([
    [4, flowOf(CLIENT, '224.0.0.251', 'udp', [50_000, port]), '0.0.0.0', ALL],
    [6, flowOf(CLIENT_6, 'ff02::fb', 'udp', [50_000, port]), '::', ALL_6],
  ])('expects answers of anyone over IPv%d', (family, flow, any, all) => {
    const ends = { family, source: any, protocol: 17 };
    expect(helper.inspect(packet('original', query), flow, undefined)).toEqual({
      verdict: 'accept',
      expected: [
        {
          expectation: {
            master: flow.original,
            expected: {
              ...ends,
              destination: flow.original.source,
              ports: { source: port, destination: 50_000 },
            },
            mask: { ...ends, destination: all, ports: { source: 0xffff, destination: 0xffff } },
            flags: 1,
          },
        },
      ],
    });
  });

  it.each(others)('expects nothing of %j', (payload) => {
    const flow = flowOf(CLIENT, '224.0.0.251', 'udp', [50_000, port]);
    expect(helper.inspect(packet('original', payload), flow, undefined)).toEqual({
      verdict: 'accept',
      expected: [],
    });
  });
});

describe('ssdp', () => {
  const SEARCH = 'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\n\r\n';
  const search = flowOf(CLIENT, '239.255.255.250', 'udp', [50_000, 1900]);
  const answers = flowOf(SERVER, CLIENT, 'udp', [1900, 50_000]);
  const control = flowOf(CLIENT, SERVER, 'tcp', [40_000, 49_152]);
  const udp = (payload: string, on = search) =>
    ssdpUdp.inspect(packet('original', payload), on, undefined).expected;
  const tcp = (payload: string, on = control) =>
    ssdpTcp.inspect(packet('original', payload), on, undefined).expected;
  const ok = (url: string) => `HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLocation: ${url}\r\n\r\n`;
  const subscribe = (url: string) =>
    `SUBSCRIBE /e HTTP/1.1\r\nHOST: x\r\nCALLBACK: <${url}>\r\nNT: upnp:event\r\n\r\n`;

  it.each([
    [search, '0.0.0.0', ALL],
    [flowOf(CLIENT_6, 'ff02::c', 'udp', [50_000, 1900]), '::', ALL_6],
    [flowOf(CLIENT_6, 'ff05::c', 'udp', [50_000, 1900]), '::', ALL_6],
  ])('expects answers to a search from anyone', (flow, any, all) => {
    const { family, source: destination } = flow.original;
    const ends = { family, source: any, protocol: 17 };
    expect(udp(SEARCH, flow)).toEqual([
      {
        expectation: {
          master: flow.original,
          expected: { ...ends, destination, ports: { source: 0, destination: 50_000 } },
          mask: { ...ends, destination: all, ports: { source: 0, destination: 0xffff } },
          flags: 1,
          helper: 'ssdp',
        },
      },
    ]);
  });

  it('expects answers to a translated search at the public address', () => {
    expect(udp(SEARCH, sourceTranslated(search, PUBLIC))[0]!.expectation).toMatchObject({
      expected: { destination: PUBLIC },
      function: 'nat-follow-master',
      nat: { direction: 1, tuple: { protocol: 17, ports: { source: 50_000, destination: 0 } } },
    });
  });

  it.each([
    [`http://${SERVER}:8080/d.xml`, 8080],
    [`http://${SERVER}/d.xml`, 80],
    [`http://${SERVER}`, 80],
  ])('expects the description to be fetched: %s', (url, port) => {
    const { expectation } = udp(ok(url), answers)[0]!;
    expect(expectation.expected).toMatchObject({ source: '0.0.0.0', destination: SERVER, protocol: 6 });
    expect(expectation.expected.ports).toEqual({ source: 0, destination: port });
    expect(expectation).toMatchObject({ flags: 1, helper: 'ssdp' });
  });

  it.each([
    ['http://192.0.2.9/'],
    ['http://device.example/'],
    [`https://${SERVER}/`],
    [`http://${SERVER}:0/`],
    [`http://${SERVER}:65536/`],
    [`http://${SERVER}.evil/`],
    [`http://${SERVER}@x/`],
    ['http://[fd00::1]/'],
    [''],
  ])('expects nothing of the location %j', (url) => {
    expect(udp(ok(url), answers)).toEqual([]);
  });

  it('expects nothing of a search that goes to one machine, nor of other messages', () => {
    expect(udp(SEARCH, flowOf(CLIENT, SERVER, 'udp', [50_000, 1900]))).toEqual([]);
    expect(udp('NOTIFY * HTTP/1.1\r\nLOCATION: http://192.0.2.1/\r\n\r\n', answers)).toEqual([]);
    expect(udp('', search)).toEqual([]);
    expect(tcp('GET / HTTP/1.1\r\n\r\n')).toEqual([]);
    expect(tcp(subscribe('http://10.0.0.2:5000/'))).toEqual([]);
    expect(
      ssdpTcp.inspect(packet('reply', subscribe(`http://${CLIENT}/`)), control, undefined).expected,
    ).toEqual([]);
  });

  it('expects events at the callback, and puts the public address there', () => {
    const text = subscribe(`http://${CLIENT}:5000/cb`);
    const [{ expectation }] = tcp(text) as [{ expectation: object }];
    expect(expectation).toMatchObject({
      expected: { source: SERVER, destination: CLIENT, protocol: 6, ports: { source: 0, destination: 5000 } },
      helper: 'ssdp',
    });
    const { nat } = tcp(text, sourceTranslated(control, PUBLIC))[0]!;
    const { offset, length, replacement } = nat!.rewrite(5001);
    const after = text.slice(0, offset) + Buffer.from(replacement).toString() + text.slice(offset + length);
    expect(bytes(after)).toEqual(bytes(subscribe(`http://${PUBLIC}:5001/cb`)));
    expect(nat!.expectation(5001)).toMatchObject({
      nat: { direction: 1 },
      expected: { destination: PUBLIC },
    });
  });

  it('expects the next event when one comes', () => {
    const events = flowOf(SERVER, PUBLIC, 'tcp', [45_000, 5001]);
    expect(tcp('NOTIFY /cb HTTP/1.1\r\n\r\n', events)[0]!.expectation).toMatchObject({
      expected: { source: SERVER, destination: PUBLIC, ports: { source: 0, destination: 5001 } },
      helper: 'ssdp',
    });
    const on = destinationTranslated(events, CLIENT);
    expect(tcp('NOTIFY /cb HTTP/1.1\r\n\r\n', on)[0]!.expectation).toMatchObject({
      nat: { direction: 0, tuple: { ports: { source: 5001 } } },
    });
  });
});
