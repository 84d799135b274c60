import { describe, expect, it } from 'vitest';
import { amanda } from '../../src/helper/amanda.ts';
import { sane } from '../../src/helper/sane.ts';
import { tns } from '../../src/helper/tns.ts';
import {
  bytes,
  CLIENT,
  CLIENT_6,
  destinationTranslated,
  flowOf,
  joined,
  packet,
  SERVER,
  SERVER_6,
  sourceTranslated,
  words,
} from './flows.ts';

const ALL = '255.255.255.255';
const INSIDE = '10.9.9.9';

function connection(destination: string, port: number) {
  const ends = { family: 4, protocol: 6 };
  return {
    expected: { ...ends, source: CLIENT, destination, ports: { source: 0, destination: port } },
    mask: { ...ends, source: ALL, destination: ALL, ports: { source: 0, destination: 0xffff } },
  };
}

/** A TNS packet; `second` is a redirection's text length, or the flags of data. */
function tnsPacket(type: number, text: string, second = text.length, length = 10 + text.length) {
  const header = [length >> 8, length & 255, 1, 2, type, 0, 3, 4, second >> 8, second & 255];
  return joined(Uint8Array.from(header), bytes(text));
}

const REDIRECT = 5;
const DATA = 6;
const address = (host: string, port: number | string = 1600) =>
  `(ADDRESS=(PROTOCOL=tcp)(DEV=6)(HOST=${host})(PORT=${port}))`;

describe('tns', () => {
  const flow = flowOf(CLIENT, SERVER, 'tcp', [40_000, 1521]);

  function hear(packets: readonly Uint8Array[], on = flow, direction: 'original' | 'reply' = 'reply') {
    const state = tns.newState();
    const seen = packets.map((payload) => tns.inspect(packet(direction, payload), on, state));
    for (const { verdict } of seen) expect(verdict).toBe('accept');
    return seen.flatMap(({ expected }) => expected);
  }

  it.each([
    ['in the redirection', [tnsPacket(REDIRECT, address(SERVER))]],
    ['in the packet behind it', [tnsPacket(REDIRECT, ''), tnsPacket(DATA, address(SERVER), 0)]],
    ['with spaces', [tnsPacket(REDIRECT, address(` ${SERVER} `, ' 1600 '))]],
  ])('expects the client at the address %s', (_, packets) => {
    expect(hear(packets)).toEqual([{ expectation: { master: flow.original, ...connection(SERVER, 1600) } }]);
  });

  it('reads addresses of IPv6 in a flow of IPv6, and only there', () => {
    const on = flowOf(CLIENT_6, SERVER_6, 'tcp', [40_000, 1521]);
    const [expected] = hear([tnsPacket(REDIRECT, address('2001:DB8:0:0::1'))], on);
    expect(expected!.expectation.expected).toEqual({
      family: 6,
      source: CLIENT_6,
      destination: SERVER_6,
      protocol: 6,
      ports: { source: 0, destination: 1600 },
    });
    expect(hear([tnsPacket(REDIRECT, address(SERVER))], on)).toEqual([]);
  });

  it('expects it at another machine', () => {
    expect(hear([tnsPacket(REDIRECT, address('192.0.2.77'))])[0]!.expectation).toMatchObject(
      connection('192.0.2.77', 1600),
    );
  });

  it.each([
    ['data without a redirection', [tnsPacket(DATA, address(SERVER), 0)]],
    [
      'the second packet behind a redirection',
      [tnsPacket(REDIRECT, ''), tnsPacket(DATA, 'x', 0), tnsPacket(DATA, address(SERVER), 0)],
    ],
    ['another type', [tnsPacket(2, address(SERVER))]],
    ['an address of the other family', [tnsPacket(REDIRECT, address(SERVER_6))]],
    ['a name', [tnsPacket(REDIRECT, address('db.example'))]],
    ['no address', [tnsPacket(REDIRECT, address('300.0.0.1'))]],
    ['no port', [tnsPacket(REDIRECT, address(SERVER, 0))]],
    ['a port that is none', [tnsPacket(REDIRECT, address(SERVER, 65_536))]],
    ['a length beyond the segment', [tnsPacket(REDIRECT, address(SERVER), 9, 0xffff)]],
    ['an address behind the packet', [tnsPacket(REDIRECT, address(SERVER), 9, 20)]],
    ['a length of 0', [tnsPacket(REDIRECT, address(SERVER), 9, 0)]],
    ['a very long packet', [tnsPacket(REDIRECT, ' '.repeat(3000) + address(SERVER))]],
    ['half a header', [tnsPacket(REDIRECT, '').slice(0, 9)]],
  ])('expects nothing of %s', (_, packets) => {
    expect(hear(packets)).toEqual([]);
  });

  it('expects nothing of what the client says', () => {
    expect(hear([tnsPacket(REDIRECT, address(SERVER))], flow, 'original')).toEqual([]);
  });

  it('puts the public address into the packet, with all lengths, and no checksums', () => {
    const on = destinationTranslated(flow, INSIDE);
    for (const [packets, second] of [
      [[tnsPacket(REDIRECT, address(INSIDE))], undefined],
      [[tnsPacket(REDIRECT, ''), tnsPacket(DATA, address(INSIDE), 7)], 7],
    ] as const) {
      const [{ nat } = {}] = hear(packets, on);
      const { offset, length, replacement } = nat!.rewrite(40_000);
      const before = packets.at(-1)!;
      const after = joined(before.slice(0, offset), replacement, before.slice(offset + length));
      const whole = tnsPacket(second === undefined ? REDIRECT : DATA, address(SERVER, 40_000), second);
      whole.set([0, 0], 2);
      whole.set([0, 0], 6);
      expect(Buffer.from(after).toString('latin1')).toBe(Buffer.from(whole).toString('latin1'));
      expect(nat!.expectation(40_000)).toMatchObject({
        ...connection(SERVER, 40_000),
        function: 'nat-follow-master',
        nat: { direction: 0, tuple: { ports: { source: 1600 } } },
      });
    }
  });

  it('does not translate the way to another machine', () => {
    const on = destinationTranslated(flow, INSIDE);
    const [expected] = hear([tnsPacket(REDIRECT, address('192.0.2.77'))], on);
    expect(expected!.nat).toBeUndefined();
  });
});

describe('amanda', () => {
  const flow = flowOf(CLIENT, SERVER, 'udp', [900, 10_080]);
  const CONNECT = 'Amanda 2.4 REP HANDLE 00 SEQ 1\nCONNECT DATA 11007 MESG 11008 INDEX 65535\nOPTIONS ;\n';
  const hear = (text: string, on = flow) => amanda.inspect(packet('reply', text), on, undefined);

  it('expects three connections, and lets the flow live for 5 minutes', () => {
    expect(hear(CONNECT)).toEqual({
      verdict: 'accept',
      expected: [11_007, 11_008, 65_535].map((port) => ({
        expectation: { master: flow.original, ...connection(SERVER, port) },
      })),
      timeout: 300,
    });
  });

  it.each([
    ['', 0],
    ['CONNECT \n', 0],
    ['CONNECT DATA 11007\nMESG 11008\n', 1],
    ['CONNECT DATA 11007 INDEX 9', 2],
    ['CONNECT DATA 0 MESG 11008\n', 0],
    ['CONNECT DATA 65536 MESG 11008\n', 0],
    ['CONNECT DATA 110070 MESG 11008\n', 0],
    ['CONNECT DATA x\n', 0],
    [`${' '.repeat(3000)}CONNECT DATA 11007\n`, 0],
  ])('expects of %j: %d', (text, count) => {
    expect(hear(text).expected).toHaveLength(count);
  });

  it('says nothing to what the server sends', () => {
    expect(amanda.inspect(packet('original', CONNECT), flow, undefined)).toEqual({
      verdict: 'accept',
      expected: [],
    });
  });

  it('puts the reserved ports into the answer', () => {
    let at = 0;
    let after = '';
    const { expected } = hear(CONNECT, sourceTranslated(flow, '203.0.113.1'));
    expected.forEach(({ nat }, n) => {
      const { offset, length, replacement } = nat!.rewrite(n + 1);
      after += CONNECT.slice(at, offset) + Buffer.from(replacement).toString('latin1');
      at = offset + length;
      expect(nat!.expectation(n + 1)).toMatchObject({ ...connection(SERVER, n + 1), nat: { direction: 0 } });
    });
    expect(after + CONNECT.slice(at)).toBe(
      CONNECT.replace('11007 MESG 11008 INDEX 65535', '1 MESG 2 INDEX 3'),
    );
  });
});

describe('sane', () => {
  const flow = flowOf(CLIENT, SERVER, 'tcp', [40_000, 6566]);

  it('waits for the answer while the client sends what is no call', () => {
    const state = sane.newState();
    for (const payload of [words(7, 1), bytes('x')]) sane.inspect(packet('original', payload), flow, state);
    expect(sane.inspect(packet('reply', words(0, 45_000)), flow, state).expected).toHaveLength(1);
    for (const payload of [words(7, 1), words(6, 1)]) sane.inspect(packet('original', payload), flow, state);
    expect(sane.inspect(packet('reply', words(0, 45_000)), flow, state).expected).toEqual([]);
  });

  function hear(request: Uint8Array, answer: Uint8Array) {
    const state = sane.newState();
    expect(sane.inspect(packet('original', request), flow, state).expected).toEqual([]);
    const { expected } = sane.inspect(packet('reply', answer), flow, state);
    expect(sane.inspect(packet('reply', answer), flow, state).expected).toEqual([]);
    return expected;
  }

  it('expects the client at the port that the start of a scan gives', () => {
    expect(hear(words(7, 1), words(0, 45_000, 0x1234, 0))).toEqual([
      { expectation: { master: flow.original, ...connection(SERVER, 45_000) } },
    ]);
  });

  it.each([
    ['another call', words(6, 1), words(0, 45_000)],
    ['a long call', words(7, 1, 0), words(0, 45_000)],
    ['a refusal', words(7, 1), words(3, 45_000)],
    ['a port that is none', words(7, 1), words(0, 65_536)],
    ['port 0', words(7, 1), words(0, 0)],
    ['a short answer', words(7, 1), words(0, 45_000).slice(0, 7)],
  ])('expects nothing of %s', (_, request, answer) => {
    expect(hear(request, answer)).toEqual([]);
  });
});
