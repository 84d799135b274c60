import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignedWordsOf } from '../../src/bytes/words.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { icmpReplyType } from '../../src/flow/reply.ts';
import { Status } from '../../src/flow/status.ts';
import type { Tuple } from '../../src/flow/tuple.ts';
import { CTA_COUNT, Cta } from '../../src/kernel/codec/ctnetlink-numbers.ts';
import { putCreateExpectation } from '../../src/kernel/codec/expectation-request.ts';
import { putCreate, putFlowLookup, putUpdate } from '../../src/kernel/codec/flow-request.ts';
import { REQUEST_MAX } from '../../src/kernel/codec/request-tuple.ts';
import { Transcoder } from '../../src/kernel/codec/transcode.ts';
import { kernelCounters } from '../../src/kernel/kernel.ts';
import { findAttributes, HEADERS, messageLength, NetlinkWriter } from '../../src/system/netlink.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';
import { hex } from './inside.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const ports = fc.record({ source: u16, destination: u16 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const ends = fc.oneof(
  fc.record({ family: fc.constant(4 as const), source: fc.ipV4(), destination: fc.ipV4() }),
  fc.record({
    family: fc.constant(6 as const),
    source: fc.constantFrom('fd00::1', '2001:db8::7'),
    destination: fc.constantFrom('fd00::2', '::1'),
  }),
);

const adjustment = fc.record({ position: u32, offsetBefore: u32, offsetAfter: u32 });
const common = {
  // Of a flow in a flow table the transcoder completes what the kernel leaves out.
  status: u32.map((status) => (status & ~Status.OFFLOAD) >>> 0),
  timeout: fc.integer({ min: 1, max: 0x7fff_ffff }),
  mark: u32,
  helper: fc.constantFrom('ftp', 'sip', 'netbios-ns1'),
  labels: fc.tuple(fc.integer({ min: 1, max: 0xffff_ffff }), u32, u32, u32),
  sequenceAdjustment: fc.record({ original: adjustment, reply: adjustment }),
  synproxy: fc.record({ its: u32, isn: u32, tsoff: u32 }),
  zone: u16,
};
const master = fc
  .tuple(ends, ports)
  .map(([addresses, numbers]): Tuple => ({ ...addresses, protocol: 6, ports: numbers }));

/** Flows whose every field can be asked for, and is. */
const flow: fc.Arbitrary<Flow> = fc
  .tuple(
    ends,
    ports,
    fc.constantFrom(6, 17, 132, 1, 50),
    fc.record(common, { requiredKeys: ['status'] }),
    optional(master),
    u8,
  )
  .map(([addresses, numbers, protocol, fields, child, state]) => {
    const original: Tuple = { ...addresses, protocol };
    if (protocol === 1)
      return { ...fields, original: { ...original, icmp: { type: 8, code: 0, id: numbers.source } } };
    const whole: Flow = {
      ...fields,
      original: protocol === 50 ? original : { ...original, ports: numbers },
      ...(child ? { master: { ...child, ...addresses } } : {}),
    };
    if (protocol === 6) return { ...whole, tcp: { state, scaleOriginal: state & 15, scaleReply: 7 } };
    if (protocol === 132) return { ...whole, sctp: { state, tagOriginal: numbers.source, tagReply: 9 } };
    return whole;
  });

const transcoder = new Transcoder({ timeout: true, windowScale: true }, kernelCounters());

const request = (put: (to: NetlinkWriter) => void) => {
  const to = new NetlinkWriter(REQUEST_MAX);
  put(to);
  expect(messageLength(to.bytes, 0)).toBe(to.at);
  expect(to.at).toBeLessThanOrEqual(REQUEST_MAX);
  return to.bytes.slice(0, to.at);
};

const read = (message: Uint8Array) =>
  decodeFlow(transcoder.record, 0, transcoder.flow(message, 0, message.length));

const has = (message: Uint8Array) => {
  const at = new Int32Array(CTA_COUNT);
  expect(
    findAttributes(alignedWordsOf(message), HEADERS, message.length, at, new Int32Array(CTA_COUNT)),
  ).toBe(true);
  return (type: number) => at[type] !== 0;
};

describe('a request to create a flow', () => {
  it('carries all that the record has, except that the flow was expected', () => {
    fc.assert(
      fc.property(flow, (asked) => {
        const record = encodeFlow(asked);
        const message = request((to) => putCreate(to, 1, record, 0, record.length, 0, false));
        const status = ((asked.status! & ~Status.EXPECTED) | Status.CONFIRMED) >>> 0;
        const { sourceNat: _s, destinationNat: _d, ...decoded } = read(message);
        expect(hex(encodeFlow(decoded))).toBe(hex(encodeFlow({ ...asked, status })));
      }),
    );
  });

  it('asks for the timeout given before the record’s own', () => {
    const record = encodeFlow({
      original: { family: 4, source: '1.1.1.1', destination: '2.2.2.2', protocol: 50 },
      timeout: 9,
    });
    const timeout = (given: number) =>
      read(request((to) => putCreate(to, 1, record, 0, record.length, given, false))).timeout;
    expect([timeout(0), timeout(77)]).toEqual([9, 77]);
  });

  it('asks for liberal windows in both directions of TCP, and only there', () => {
    const liberal = '06000400080800000600050008080000';
    const ofProtocol = (protocol: number) => {
      const record = encodeFlow({
        original: {
          family: 4,
          source: '1.1.1.1',
          destination: '2.2.2.2',
          protocol,
          ports: { source: 1, destination: 2 },
        },
      });
      return (wanted: boolean) =>
        hex(request((to) => putCreate(to, 1, record, 0, record.length, 60, wanted))).includes(liberal);
    };
    expect([ofProtocol(6)(true), ofProtocol(6)(false), ofProtocol(17)(true)]).toEqual([true, false, false]);
  });

  it('answers ICMP with the type that answers it', () => {
    expect([8, 0, 13, 14, 15, 17, 3].map((type) => icmpReplyType(1, type))).toEqual([
      0, 8, 14, 13, 16, 18, 255,
    ]);
    expect([128, 129, 139, 1].map((type) => icmpReplyType(58, type))).toEqual([129, 128, 140, 255]);
  });
});

describe('a request to change a flow', () => {
  it('leaves out translation, helper and master, which the kernel does not let change', () => {
    fc.assert(
      fc.property(flow, (asked) => {
        const record = encodeFlow({
          ...asked,
          status: (asked.status! | Status.SRC_NAT | Status.DST_NAT) >>> 0,
          sourceNat: { port: 7 },
          destinationNat: { port: 8 },
        });
        const message = request((to) => putUpdate(to, 1, record, 0, record.length, 60, true));
        const there = has(message);
        expect([Cta.NAT_SRC, Cta.NAT_DST, Cta.HELP, Cta.TUPLE_MASTER, Cta.TUPLE_REPLY].filter(there)).toEqual(
          [],
        );
        const decoded = read(message);
        expect(decoded).toMatchObject({ original: asked.original, timeout: 60 });
        expect(decoded.status! & (Status.SRC_NAT | Status.DST_NAT)).toBe(0);
        expect(decoded.mark).toBe(asked.mark);
        expect(decoded.zone).toBe(asked.zone);
      }),
    );
  });
});

describe('a request about a flow', () => {
  it('names it by original tuple and zone, and nothing else', () => {
    fc.assert(
      fc.property(flow, (asked) => {
        const record = encodeFlow(asked);
        const message = request((to) => putFlowLookup(to, 2, 1, record, 0, record.length));
        const decoded = read(message);
        expect(decoded.original).toEqual(decodeFlow(record, 0, record.length).original);
        expect(decoded.zone).toBe(asked.zone);
        expect(hex(message)).toBe(
          hex(
            request((to) => {
              const { original, zone } = asked;
              const bare = encodeFlow(zone === undefined ? { original } : { original, zone });
              putFlowLookup(to, 2, 1, bare, 0, bare.length);
            }),
          ),
        );
      }),
    );
  });
});

describe('a request to create an expectation', () => {
  const tuple = (source: string, destination: string, port: number): Tuple => ({
    family: 4,
    source,
    destination,
    protocol: 6,
    ports: { source: 0, destination: port },
  });
  const expectation: Expectation = {
    master: tuple('10.0.0.1', '10.0.0.2', 21),
    expected: tuple('10.0.0.1', '10.0.0.2', 20_000),
    mask: tuple('255.255.255.255', '255.255.255.255', 65_535),
    flags: 1,
    class: 2,
    helper: 'ftp',
  };

  it.each([
    ['without translation', expectation],
    [
      'with translation',
      {
        ...expectation,
        timeout: 30,
        function: 'nf-nat-follow-master',
        nat: { tuple: tuple('10.0.0.7', '0.0.0.0', 0), direction: 1 },
      },
    ],
  ])('has all that the record has, %s', (_, asked) => {
    const record = encodeExpectation(asked);
    const message = request((to) => putCreateExpectation(to, 1, record, 0, record.length, 0));
    const length = transcoder.expectation(message, 0, message.length);
    expect(decodeExpectation(transcoder.record, 0, length)).toEqual(
      decodeExpectation(record, 0, record.length),
    );
    expect(hex(transcoder.record, 0, length)).toBe(hex(record));
  });
});
