import { describe, expect, it } from 'vitest';
import { ftp } from '../../src/helper/ftp.ts';
import type { InspectedFlow } from '../../src/helper/protocol.ts';
import {
  bytes,
  CLIENT,
  CLIENT_6,
  destinationTranslated,
  flowOf,
  PUBLIC,
  packet,
  SERVER,
  SERVER_6,
  sourceTranslated,
} from './flows.ts';

const flow = flowOf(CLIENT, SERVER, 'tcp', [40_000, 21]);
const flow6 = flowOf(CLIENT_6, SERVER_6, 'tcp', [40_000, 21]);
const SYN = 2;
const ACK = 16;

/** What comes of the last of a direction's segments, which follow its SYN. */
function talk(direction: 'original' | 'reply', segments: readonly string[], on: InspectedFlow = flow) {
  const state = ftp.newState();
  let sequence = 0xffff_fffe;
  const syn = packet(direction, '', { sequence, flags: SYN });
  ftp.inspect({ ...syn, isEstablished: direction === 'reply' }, on, state);
  sequence = (sequence + 1) >>> 0;
  let last = ftp.inspect(packet(direction, '', { sequence, flags: ACK }), on, state);
  for (const segment of segments) {
    last = ftp.inspect(packet(direction, segment, { sequence, flags: ACK }), on, state);
    sequence = (sequence + segment.length) >>> 0;
    expect(last.verdict).toBe('accept');
  }
  return last.expected;
}

function dataConnection(on: InspectedFlow, from: 'client' | 'server', destination: string, port: number) {
  const { family } = on.original;
  const all = family === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
  const source = from === 'client' ? on.original.source : on.reply.source;
  return {
    master: on.original,
    expected: { family, source, destination, protocol: 6, ports: { source: 0, destination: port } },
    mask: { family, source: all, destination: all, protocol: 6, ports: { source: 0, destination: 0xffff } },
  };
}

describe('ftp expects the data connection', () => {
  it.each([
    ['PORT 10,0,0,1,156,65\r\n', 40_001],
    ['port 10,0,0,1,156,65\r\n', 40_001],
    ['EPRT |1|10.0.0.1|40001|\r\n', 40_001],
    ['eprt a1a10.0.0.1a65535a\r\n', 65_535],
  ])('from the server: %j', (line, port) => {
    expect(talk('original', ['USER x\r\n', line])).toEqual([
      { expectation: dataConnection(flow, 'server', CLIENT, port) },
    ]);
  });

  it.each([
    '227 Entering Passive Mode (192,0,2,1,156,65).\r\n',
    '227 =192,0,2,1,156,65\r\n',
    '229 Entering Extended Passive Mode (|||40001|)\r\n',
  ])('from the client: %j', (line) => {
    expect(talk('reply', ['220 hello\r\n', line])).toEqual([
      { expectation: dataConnection(flow, 'client', SERVER, 40_001) },
    ]);
  });

  it('over IPv6, however the address is written', () => {
    for (const address of ['fd00::1', 'FD00:0:0:0:0:0:0:1']) {
      expect(talk('original', [`EPRT |2|${address}|40001|\r\n`], flow6)).toEqual([
        { expectation: dataConnection(flow6, 'server', CLIENT_6, 40_001) },
      ]);
    }
    expect(talk('reply', ['229 ok (|||40001|)\r\n'], flow6)).toEqual([
      { expectation: dataConnection(flow6, 'client', SERVER_6, 40_001) },
    ]);
  });
});

describe('ftp expects nothing', () => {
  it.each([
    'PORT 10,0,0,2,156,65\r\n',
    'PORT 10,0,0,1,0,0\r\n',
    'PORT 10,0,0,1,256,1\r\n',
    'PORT 10,0,0,1,156\r\n',
    'PORT 10,0,0,1,156,65,1\r\n',
    'PORT 10,0,0,1,156,65',
    'XPORT 10,0,0,1,156,65\r\n',
    'EPRT |2|10.0.0.1|40001|\r\n',
    'EPRT |1|fd00::1|40001|\r\n',
    'EPRT |1|10.0.0.1|65536|\r\n',
    'EPRT |1|10.0.0.1|0|\r\n',
    'EPRT |1|10.0.0.1|40001\r\n',
    'EPRT 111110.0.0.11400011\r\n',
    `PORT ${' '.repeat(300)}10,0,0,1,156,65\r\n`,
    '227 Entering Passive Mode (10,0,0,1,156,65).\r\n',
  ])('of a client that says %j', (line) => {
    expect(talk('original', [line])).toEqual([]);
  });

  it.each([
    '227 Entering Passive Mode (192,0,2,9,156,65).\r\n',
    '227-Entering Passive Mode (192,0,2,1,156,65).\r\n',
    '229 ok (|||0|)\r\n',
    '229 ok (||!40001|)\r\n',
    '229 ok |||40001|\r\n',
    '220 PORT 192,0,2,1,156,65\r\n',
    'PORT 192,0,2,1,156,65\r\n',
  ])('of a server that says %j', (line) => {
    expect(talk('reply', [line])).toEqual([]);
  });

  it('of a segment that begins within a line', () => {
    expect(talk('reply', ['250 the name was\r\n', '250 a', '227 x (192,0,2,1,156,65)\r\n'])).toEqual([]);
    expect(talk('original', ['RETR ', 'PORT 10,0,0,1,156,65\r\n'])).toEqual([]);
  });

  it('before the connection is established', () => {
    const first = packet('original', 'PORT 10,0,0,1,156,65\r\n', { sequence: 1, flags: ACK });
    expect(ftp.inspect({ ...first, isEstablished: false }, flow, ftp.newState()).expected).toEqual([]);
  });
});

describe('lines of ftp', () => {
  const port = packet('original', 'PORT 10,0,0,1,156,65\r\n', { sequence: 7, flags: ACK });
  const at = (sequence: number, payload = port.payload) => ({
    ...port,
    payload,
    tcp: { sequence, flags: ACK },
  });

  it('are found again when a segment is sent again', () => {
    const state = ftp.newState();
    const next = 7 + port.payload.length;
    for (const sequence of [7, 7, next, next]) {
      expect(ftp.inspect(at(sequence), flow, state).expected).toHaveLength(1);
    }
    expect(ftp.inspect(at(9), flow, state).expected).toEqual([]);
  });

  it('begin with the first segment of a connection that was taken over, and with no other', () => {
    const state = ftp.newState();
    expect(ftp.inspect(at(7, bytes('RETR ')), flow, state).expected).toEqual([]);
    expect(ftp.inspect(at(12), flow, state).expected).toEqual([]);
    expect(ftp.inspect(at(12 + port.payload.length), flow, state).expected).toHaveLength(1);
  });
});

describe('ftp of a translated connection', () => {
  function translation(direction: 'original' | 'reply', line: string, on: InspectedFlow, reserved: number) {
    const [expected] = talk(direction, [line], on);
    const { firstPort, expectation, rewrite } = expected!.nat!;
    const { offset, length, replacement } = rewrite(reserved);
    const before = bytes(line);
    const rewritten = Buffer.concat([
      before.subarray(0, offset),
      replacement,
      before.subarray(offset + length),
    ]);
    return { firstPort, made: expectation(reserved), rewritten: rewritten.toString('latin1') };
  }

  it('tells the server of the address and the port to which the client is translated', () => {
    const on = sourceTranslated(flow, PUBLIC);
    const any = { family: 4, source: '0.0.0.0', destination: '0.0.0.0', protocol: 6 };
    for (const [line, rewritten] of [
      ['PORT 10,0,0,1,156,65\r\n', 'PORT 203,0,113,1,156,66\r\n'],
      ['EPRT |1|10.0.0.1|40001|\r\n', 'EPRT |1|203.0.113.1|40002|\r\n'],
    ] as const) {
      expect(translation('original', line, on, 40_002)).toEqual({
        firstPort: 40_001,
        made: {
          ...dataConnection(on, 'server', PUBLIC, 40_002),
          function: 'nat-follow-master',
          nat: { direction: 1, tuple: { ...any, ports: { source: 40_001, destination: 0 } } },
        },
        rewritten,
      });
    }
  });

  it('tells the client of the address by which it knows the server', () => {
    const on = destinationTranslated(flow, '10.9.9.9');
    for (const [line, rewritten] of [
      ['227 ok (10,9,9,9,156,65)\r\n', '227 ok (192,0,2,1,156,66)\r\n'],
      ['229 ok (|||40001|)\r\n', '229 ok (|||40002|)\r\n'],
    ] as const) {
      const { made, rewritten: seen } = translation('reply', line, on, 40_002);
      expect(seen).toBe(rewritten);
      expect(made.expected).toEqual(dataConnection(on, 'client', SERVER, 40_002).expected);
      expect(made.nat?.direction).toBe(0);
    }
  });

  it('does so over IPv6', () => {
    const on = sourceTranslated(flow6, '2001:db8::99');
    const { made, rewritten } = translation('original', 'EPRT |2|fd00::1|40001|\r\n', on, 40_001);
    expect(rewritten).toBe('EPRT |2|2001:db8::99|40001|\r\n');
    expect(made.nat?.tuple.source).toBe('::');
  });
});
