import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Cta,
  CtaDccp,
  CtaHelp,
  CtaIp,
  CtaProto,
  CtaSctp,
  CtaTcp,
  CtaTuple,
  CtnetlinkMessage,
  NFPROTO_IPV4,
  Subsystem,
} from '../../src/kernel/codec/ctnetlink-numbers.ts';
import { REFUSED, Transcoder } from '../../src/kernel/codec/transcode.ts';
import { type KernelCounters, kernelCounters, type TranscodeOptions } from '../../src/kernel/kernel.ts';
import { NetlinkWriter } from '../../src/system/netlink.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { checkRecord, FLOW_FORMAT, Form, wireSize } from '../../src/wire/record.ts';
import { capturedEvents } from '../support/fixtures.ts';
import { hex } from './inside.ts';

const { isNative, events: fixtures } = capturedEvents();

const noCounters = (): KernelCounters => kernelCounters();
const transcoder = (options: Partial<TranscodeOptions> = {}, counters = noCounters()) =>
  new Transcoder({ timeout: true, windowScale: false, ...options }, counters);

describe.skipIf(!isNative)('a message of the kernel', () => {
  it.each(
    fixtures.map(({ kind, message, wire, bytes }) => ({ kind, message: message.slice(40, 72), wire, bytes })),
  )('becomes what the C node sent for it: $kind $message…', ({ bytes, wire }) => {
    const to = transcoder();
    const length = to.flow(bytes, 0, bytes.length);
    expect(hex(to.record, 0, wireSize(to.record, 0, length))).toBe(wire);
  });

  it('becomes the same wherever it lies in the buffer, whatever was transcoded before', () => {
    const to = transcoder();
    for (const { bytes, wire } of fixtures.toReversed()) {
      const buffer = Buffer.concat([Buffer.alloc(12, 0xff), bytes, Buffer.alloc(20, 0xff)]);
      const length = to.flow(buffer, 12, 12 + bytes.length);
      expect(hex(to.record, 0, wireSize(to.record, 0, length))).toBe(wire);
    }
  });

  it('becomes a canonical record', () => {
    for (const windowScale of [true, false]) {
      const to = transcoder({ windowScale });
      for (const { bytes } of fixtures) {
        const size = wireSize(to.record, 0, to.flow(bytes, 0, bytes.length));
        expect(checkRecord(FLOW_FORMAT, to.record, 0, size)).toBe(Form.CANONICAL);
      }
    }
  });

  it('gives its timeout only where it is wanted', () => {
    const to = transcoder({ timeout: false });
    for (const { bytes } of fixtures) {
      const length = to.flow(bytes, 0, bytes.length);
      expect(decodeFlow(to.record, 0, length).timeout).toBeUndefined();
    }
  });

  it('gives window scales only where they are wanted, and both or none', () => {
    const to = transcoder({ windowScale: true });
    const scales = fixtures.map(({ bytes }) => {
      const flow = decodeFlow(to.record, 0, to.flow(bytes, 0, bytes.length));
      return [flow.tcp?.scaleOriginal !== undefined, flow.tcp?.scaleReply !== undefined];
    });
    expect(scales.some(([forth]) => forth)).toBe(true);
    expect(scales.every(([forth, back]) => forth === back)).toBe(true);
  });

  it('tells GRE flows with different keys apart, behind what goes on the wire', () => {
    const to = transcoder();
    const gre = fixtures
      .filter(({ kind, wire }) => kind === 'NEW' && wire.includes('050002' + '2f'))
      .map(({ bytes }) => hex(to.record, 0, to.flow(bytes, 0, bytes.length)));
    expect(gre.length).toBeGreaterThan(1);
    expect(new Set(gre).size).toBe(gre.length);
  });

  it('gives the traffic of an ended flow', () => {
    const to = transcoder();
    const seen: number[][] = [];
    for (const { kind, bytes } of fixtures) {
      if (kind !== 'DESTROY') continue;
      to.flow(bytes, 0, bytes.length);
      to.traffic(bytes, { traffic: (...counts) => seen.push(counts) });
    }
    expect(seen.some(([packets, octets]) => packets! > 0 && octets! >= 28 * packets!)).toBe(true);
    expect(seen.some(([, , packets]) => packets! > 0)).toBe(true);
  });

  it('is refused, not misread, when it is cut short or spoiled', () => {
    const to = transcoder({ windowScale: true });
    const sink = { traffic: () => {} };
    fc.assert(
      fc.property(
        fc.constantFrom(...fixtures),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
        fc.nat(400),
        ({ bytes }, spoils, cut) => {
          const message = Buffer.from(bytes);
          for (const [at, value] of spoils) if (at < message.length) message[at] = value;
          const end = Math.min(message.length, Math.max(20, cut));
          for (const length of [to.flow(message, 0, end), to.expectation(message, 0, end)]) {
            if (length < 0) continue;
            expect(length).toBeGreaterThan(0);
            expect(length).toBeLessThanOrEqual(to.record.length);
          }
          const length = to.flow(message, 0, end);
          if (length < 0) return;
          to.traffic(message, sink);
          const size = wireSize(to.record, 0, length);
          expect(checkRecord(FLOW_FORMAT, to.record, 0, size)).toBe(Form.CANONICAL);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

/** A message of a flow that a test may add to, of TCP by default. */
function message(add: (to: NetlinkWriter) => void, protocol = 6, zoneOf: number = 0): Uint8Array {
  const to = new NetlinkWriter(4096);
  const began = to.message(Subsystem.FLOW, CtnetlinkMessage.NEW, 0, 0, NFPROTO_IPV4);
  for (const type of [Cta.TUPLE_ORIG, Cta.TUPLE_REPLY]) {
    const tuple = to.nest(type);
    const ip = to.nest(CtaTuple.IP);
    const ends = type === Cta.TUPLE_ORIG ? [1, 2] : [2, 1];
    to.u32(CtaIp.V4_SRC, ends[0]!);
    to.u32(CtaIp.V4_DST, ends[1]!);
    to.endNest(ip);
    const proto = to.nest(CtaTuple.PROTO);
    to.u8(CtaProto.NUM, protocol);
    to.u16(CtaProto.SRC_PORT, 3);
    to.u16(CtaProto.DST_PORT, 3);
    to.endNest(proto);
    if (type === zoneOf) to.u16(CtaTuple.ZONE, 1);
    to.endNest(tuple);
  }
  add(to);
  to.endMessage(began);
  return to.bytes.slice(0, to.at);
}

describe('what the kernel gives', () => {
  const flowOf = (bytes: Uint8Array, counters = noCounters()) => {
    const to = transcoder({ windowScale: true }, counters);
    return decodeFlow(to.record, 0, to.flow(bytes, 0, bytes.length));
  };
  const named = (name: string) =>
    message((to) => {
      const help = to.nest(Cta.HELP);
      const text = new TextEncoder().encode(`${name}\0`);
      to.copy(CtaHelp.NAME, text, 0, text.length);
      to.endNest(help);
    });

  it.each(['', 'f', 'ftp', 'sip-5', 'netbios-ns1'])(
    'keeps the helper name `%s´, whatever its padding',
    (name) => {
      const counters = noCounters();
      expect(flowOf(named(name), counters).helper).toBe(name);
      expect(counters.helperNamesDropped).toBe(0);
    },
  );

  it('leaves out a helper name that the wire has no room for, and counts it', () => {
    const counters = noCounters();
    expect(flowOf(named('netbios-ns12'), counters).helper).toBeUndefined();
    expect(counters.helperNamesDropped).toBe(1);
  });

  it('leaves out labels of which none is set', () => {
    const labelled = (bit: number) =>
      message((to) =>
        to.copy(
          Cta.LABELS,
          Uint8Array.from({ length: 16 }, (_, n) => (n === 15 ? bit : 0)),
          0,
          16,
        ),
      );
    expect(flowOf(labelled(0)).labels).toBeUndefined();
    expect(flowOf(labelled(1)).labels?.length).toBe(4);
  });

  it('leaves out labels where they are not wanted', () => {
    const labelled = message((to) => to.copy(Cta.LABELS, new Uint8Array(16).fill(1), 0, 16));
    const to = transcoder({ labels: false });
    expect(decodeFlow(to.record, 0, to.flow(labelled, 0, labelled.length)).labels).toBeUndefined();
  });

  it.each([
    ['original', Cta.TUPLE_ORIG],
    ['reply', Cta.TUPLE_REPLY],
  ])('is refused and counted if a flow is in a zone in the %s direction alone', (_, direction) => {
    const counters = noCounters();
    const to = transcoder({}, counters);
    const zoned = message((to) => to.u32(Cta.STATUS, 0), 6, direction);
    // Twice: the second of a layout may go through its template.
    for (const count of [1, 2]) {
      expect(to.flow(zoned, 0, zoned.length)).toBe(REFUSED);
      expect(counters).toMatchObject({ directionalZones: count, malformed: 0 });
    }
  });

  describe('of a flow in a flow table, which has neither timeout nor state,', () => {
    /** As `ctnetlink_dump_info` writes it: IPS_OFFLOAD, ASSURED, SEEN_REPLY, CONFIRMED. */
    const offloaded = (protocol: number, extra: (to: NetlinkWriter) => void = () => {}) =>
      message((to) => {
        to.u32(Cta.STATUS, 0x400e);
        to.u32(Cta.MARK, 0);
        to.u32(Cta.ID, 77);
        extra(to);
      }, protocol);
    const timeouts = { tcpEstablished: 7_200, udpStream: 90 };
    const transcoded = (bytes: Uint8Array) => {
      const to = transcoder({ timeouts });
      // Learns the layout; the second goes through the template, if there is one.
      to.flow(bytes, 0, bytes.length);
      return decodeFlow(to.record, 0, to.flow(bytes, 0, bytes.length));
    };

    it('is established, with the timeout of its protocol', () => {
      expect(transcoded(offloaded(6))).toMatchObject({ tcp: { state: 3 }, timeout: 7_200 });
      const udp = transcoded(offloaded(17));
      expect(udp.timeout).toBe(90);
      expect(udp.tcp).toBeUndefined();
    });

    it('keeps what the message has all the same', () => {
      const message = offloaded(6, (to) => {
        to.u32(Cta.TIMEOUT, 33);
        const info = to.nest(Cta.PROTOINFO);
        const tcp = to.nest(1);
        to.u8(CtaTcp.STATE, 5);
        to.endNest(tcp);
        to.endNest(info);
      });
      expect(transcoded(message)).toMatchObject({ tcp: { state: 5 }, timeout: 33 });
    });

    it('gets none where timeouts are not wanted', () => {
      const bytes = offloaded(6);
      const to = transcoder({ timeout: false });
      expect(decodeFlow(to.record, 0, to.flow(bytes, 0, bytes.length))).toMatchObject({ tcp: { state: 3 } });
      expect(decodeFlow(to.record, 0, to.flow(bytes, 0, bytes.length)).timeout).toBeUndefined();
    });
  });

  it('leaves out a sequence adjustment of one direction alone', () => {
    const adjusted = (...types: number[]) =>
      message((to) => {
        for (const type of types) {
          const nest = to.nest(type);
          for (const part of [1, 2, 3]) to.u32(part, 10 * type + part);
          to.endNest(nest);
        }
      });
    expect(flowOf(adjusted(Cta.SEQ_ADJ_ORIG)).sequenceAdjustment).toBeUndefined();
    expect(flowOf(adjusted(Cta.SEQ_ADJ_REPLY)).sequenceAdjustment).toBeUndefined();
    expect(flowOf(adjusted(Cta.SEQ_ADJ_REPLY, Cta.SEQ_ADJ_ORIG)).sequenceAdjustment).toEqual({
      original: { position: 151, offsetBefore: 152, offsetAfter: 153 },
      reply: { position: 161, offsetBefore: 162, offsetAfter: 163 },
    });
  });

  it('has no TCP state where the message has none', () => {
    const scales = message((to) => {
      const info = to.nest(Cta.PROTOINFO);
      const tcp = to.nest(1);
      to.u8(CtaTcp.WSCALE_ORIGINAL, 7);
      to.u8(CtaTcp.WSCALE_REPLY, 7);
      to.endNest(tcp);
      to.endNest(info);
    });
    expect(flowOf(scales).tcp).toBeUndefined();
  });

  it.each([
    ['TCP', 6, 1, [CtaTcp.STATE, CtaTcp.WSCALE_ORIGINAL, CtaTcp.WSCALE_REPLY]],
    ['DCCP', 33, 2, [CtaDccp.STATE, CtaDccp.ROLE]],
    ['SCTP', 132, 3, [CtaSctp.STATE]],
  ])('does not read behind a message that ends in a state of no bytes: %s', (_, protocol, info, types) => {
    for (const empty of types) {
      const bytes = message((to) => {
        const outer = to.nest(Cta.PROTOINFO);
        const inner = to.nest(info);
        for (const type of types) if (type !== empty) to.u8(type, 1);
        to.copy(empty, new Uint8Array(0), 0, 0);
        to.endNest(inner);
        to.endNest(outer);
      }, protocol);
      const records = [0x00, 0xff].map((behind) => {
        const buffer = Buffer.concat([bytes, Buffer.alloc(8, behind)]);
        const to = transcoder({ windowScale: true });
        return hex(to.record, 0, to.flow(buffer, 0, bytes.length));
      });
      expect(records[0]).toBe(records[1]);
    }
  });

  it('always has a status, if only 0', () => {
    expect(flowOf(message(() => {})).status).toBe(0);
  });
});
