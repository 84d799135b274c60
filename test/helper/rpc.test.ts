import { describe, expect, it } from 'vitest';
import type { InspectedFlow } from '../../src/helper/protocol.ts';
import { rpcTcp, rpcUdp } from '../../src/helper/rpc.ts';
import { CLIENT, flowOf, joined, PUBLIC, packet, SERVER, sourceTranslated, words } from './flows.ts';

const NFS = 100_003;
const udp = flowOf(CLIENT, SERVER, 'udp', [700, 111]);
const tcp = flowOf(CLIENT, SERVER, 'tcp', [700, 111]);
const SEGMENT = { sequence: 1, flags: 16 };
/** AUTH_UNIX with a body of 9 bytes, which are padded to 12. */
const CREDENTIALS = [1, 9, 1, 2, 0x33000000];

interface Call {
  xid?: number;
  version?: number;
  program?: number;
  procedure?: number;
  wanted?: number;
  protocol?: number;
  credentials?: number[];
  port?: number;
}

function call({ xid = 7, version = 2, program = 100_000, procedure = 3, ...more }: Call = {}): Uint8Array {
  const { wanted = NFS, protocol = 17, credentials = CREDENTIALS, port = 0 } = more;
  return words(xid, 0, 2, program, version, procedure, ...credentials, 0, 0, wanted, 3, protocol, port);
}

const reply = (port: number, xid = 7) => words(xid, 1, 0, 0, 0, 0, port);

/** As a record in one fragment. */
const record = (message: Uint8Array) => joined(words(0x8000_0000 + message.length), message);

function ask(question: Uint8Array, answer: Uint8Array, on: InspectedFlow = udp) {
  const protocol = on.original.protocol === 6 ? rpcTcp : rpcUdp;
  const segment = on.original.protocol === 6 ? SEGMENT : undefined;
  const state = protocol.newState();
  expect(protocol.inspect(packet('original', question, segment), on, state)).toEqual({
    verdict: 'accept',
    expected: [],
  });
  const { verdict, expected } = protocol.inspect(packet('reply', answer, segment), on, state);
  expect(verdict).toBe('accept');
  return expected;
}

function program(on: InspectedFlow, protocol: number, port: number) {
  const ends = { family: 4, protocol };
  const all = '255.255.255.255';
  return {
    master: on.original,
    expected: { ...ends, source: CLIENT, destination: SERVER, ports: { source: 0, destination: port } },
    mask: { ...ends, source: all, destination: all, ports: { source: 0, destination: 0xffff } },
    flags: 1,
  };
}

describe('rpc', () => {
  it('expects the client at the port that the port mapper gives, as often as it likes', () => {
    expect(ask(call(), reply(2049))).toEqual([{ expectation: program(udp, 17, 2049) }]);
    expect(ask(call({ protocol: 6, credentials: [0, 0] }), reply(2049))).toEqual([
      { expectation: program(udp, 6, 2049) },
    ]);
    expect(ask(record(call()), record(reply(2049)), tcp)).toEqual([{ expectation: program(tcp, 17, 2049) }]);
  });

  it('knows several calls apart, in one segment or in several', () => {
    const both = joined(record(call({ xid: 1, protocol: 6 })), record(call({ xid: 2 })));
    const answers = joined(record(reply(2000, 2)), record(reply(1000, 1)));
    expect(ask(both, answers, tcp)).toEqual([
      { expectation: program(tcp, 17, 2000) },
      { expectation: program(tcp, 6, 1000) },
    ]);
  });

  it.each([
    ['another program than the port mapper', call({ program: NFS })],
    ['version 3', call({ version: 3 })],
    ['another procedure', call({ procedure: 4 })],
    ['the port mapper itself', call({ wanted: 100_000 })],
    ['SCTP', call({ protocol: 132 })],
    ['credentials of more than 400 bytes', call({ credentials: [1, 401, ...new Array(101).fill(0)] })],
    ['credentials that are longer than the message', call({ credentials: [1, 400] })],
    ['credentials of 4 GiB', call({ credentials: [1, 0xffff_ffff] })],
    ['a short message', call().slice(0, -4)],
    ['a long message', joined(call(), words(0))],
    ['a reply', reply(1)],
    ['nothing', new Uint8Array()],
  ])('expects nothing after a call of %s', (_, question) => {
    expect(ask(question, reply(2049))).toEqual([]);
  });

  it.each([
    ['of another call', reply(2049, 8)],
    ['of no port', reply(0)],
    ['of a port that is none', reply(65_536)],
    ['that is denied', words(7, 1, 1, 0, 0, 0, 2049)],
    ['that failed', words(7, 1, 0, 0, 0, 1, 2049)],
    ['that is a call', call()],
    ['that is short', reply(2049).slice(0, -1)],
    ['that is long', joined(reply(2049), words(0))],
    ['with a verifier of 4 GiB', words(7, 1, 0, 0, 0xffff_ffff, 0, 2049)],
    ['of three bytes', new Uint8Array(3)],
  ])('expects nothing of a reply %s', (_, answer) => {
    expect(ask(call(), answer)).toEqual([]);
  });

  it.each([
    ['whose fragment is not the last', joined(words(call().length), call())],
    ['that is longer than the segment', joined(words(0xffff_ffff), call())],
    ['without a length', call()],
  ])('expects nothing of a record %s', (_, question) => {
    expect(ask(question, record(reply(2049)), tcp)).toEqual([]);
  });

  it('expects one flow of one call', () => {
    const state = rpcUdp.newState();
    rpcUdp.inspect(packet('original', call()), udp, state);
    expect(rpcUdp.inspect(packet('reply', reply(1)), udp, state).expected).toHaveLength(1);
    expect(rpcUdp.inspect(packet('reply', reply(2)), udp, state).expected).toEqual([]);
  });

  it('remembers a limited number of calls, the last ones', () => {
    const state = rpcUdp.newState();
    for (let xid = 0; xid < 1000; xid++) rpcUdp.inspect(packet('original', call({ xid })), udp, state);
    const answered = [...Array(1000).keys()].filter(
      (xid) => rpcUdp.inspect(packet('reply', reply(1, xid)), udp, state).expected.length > 0,
    );
    expect(answered).toEqual([...Array(16).keys()].map((n) => 984 + n));
  });

  it('tells the client of a translated port', () => {
    const on = sourceTranslated(udp, PUBLIC);
    const answer = reply(2049);
    const [{ nat } = {}] = ask(call(), answer, on);
    expect(nat?.firstPort).toBe(2049);
    const { offset, length, replacement } = nat!.rewrite(40_000);
    expect(joined(answer.slice(0, offset), replacement, answer.slice(offset + length))).toEqual(
      reply(40_000),
    );
    const any = { family: 4, source: '0.0.0.0', destination: '0.0.0.0', protocol: 17 };
    expect(nat!.expectation(40_000)).toEqual({
      ...program(on, 17, 40_000),
      function: 'nat-follow-master',
      nat: { direction: 0, tuple: { ...any, ports: { source: 2049, destination: 0 } } },
    });
  });
});
