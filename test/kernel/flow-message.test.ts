import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alignedWordsOf } from '../../src/bytes/words.ts';
import { flowOf, ListedFlow } from '../../src/flow/listed/listed-flow.ts';
import {
  Cta,
  CtaCounters,
  CtaHelp,
  CtaIp,
  CtaProto,
  CtaTuple,
  CtnetlinkMessage,
  Subsystem,
} from '../../src/kernel/codec/ctnetlink-numbers.ts';
import { readFlowMessage } from '../../src/kernel/listing/flow-message.ts';
import { HEADERS, NetlinkWriter } from '../../src/system/netlink.ts';

/** A message about a UDP flow with counters, a helper and a zone of one direction. */
function message(): Uint8Array {
  const to = new NetlinkWriter(1024);
  const whole = to.message(Subsystem.FLOW, CtnetlinkMessage.NEW, 0, 1, 2);
  const tuple = (type: number, addresses: readonly number[], ports: readonly number[], zone?: number) => {
    const nest = to.nest(type);
    const ip = to.nest(CtaTuple.IP);
    to.u32(CtaIp.V4_SRC, addresses[0]!);
    to.u32(CtaIp.V4_DST, addresses[1]!);
    to.endNest(ip);
    const proto = to.nest(CtaTuple.PROTO);
    to.u8(CtaProto.NUM, 17);
    to.u16(CtaProto.SRC_PORT, ports[0]!);
    to.u16(CtaProto.DST_PORT, ports[1]!);
    to.endNest(proto);
    if (zone !== undefined) to.u16(CtaTuple.ZONE, zone);
    to.endNest(nest);
  };
  tuple(Cta.TUPLE_ORIG, [0x0a000001, 0x0a000002], [1000, 53], 7);
  tuple(Cta.TUPLE_REPLY, [0x0a000002, 0x0a000001], [53, 1000]);
  to.u32(Cta.STATUS, 0xffff_ffff);
  to.u32(Cta.MARK, 0xffff_fffe);
  to.u32(Cta.ID, 0x8000_0000);
  const counters = to.nest(Cta.COUNTERS_ORIG);
  to.copy(CtaCounters.PACKETS, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 2), 0, 8);
  to.copy(CtaCounters.BYTES, Uint8Array.of(0, 0, 0, 0, 0xff, 0, 0, 0), 0, 8);
  to.endNest(counters);
  const help = to.nest(Cta.HELP);
  to.copy(CtaHelp.NAME, Buffer.from('tftp\0'), 0, 5);
  to.endNest(help);
  to.endMessage(whole);
  return to.bytes.slice(0, to.at);
}

function read(bytes: Uint8Array, flow = new ListedFlow()): boolean {
  const aligned = new Uint8Array(new ArrayBuffer((bytes.length + 3) & ~3));
  aligned.set(bytes);
  return readFlowMessage(aligned, alignedWordsOf(aligned), 0, bytes.length, flow);
}

describe('a message about a flow', () => {
  test('is read with all that it tells', () => {
    const flow = new ListedFlow();
    expect(read(message(), flow)).toBe(true);
    expect(flowOf(flow)).toMatchObject({
      original: {
        source: '10.0.0.1',
        destination: '10.0.0.2',
        ports: { source: 1000, destination: 53 },
        zone: 7,
      },
      reply: { source: '10.0.0.2', destination: '10.0.0.1', ports: { source: 53, destination: 1000 } },
      status: 0xffff_ffff,
      mark: 0xffff_fffe,
      id: 0x8000_0000,
      helper: 'tftp',
    });
    expect([flow.original.packets, flow.original.bytes]).toEqual([2 ** 32 + 2, 0xff00_0000]);
    expect([flow.bytes, flow.reply.bytes, flow.timeout, flow.zone]).toEqual([0xff00_0000, -1, -1, -1]);
  });

  test('leaves nothing of the flow before', () => {
    const flow = new ListedFlow();
    const [once, twice] = [new ListedFlow(), new ListedFlow()];
    read(message(), once);
    flow.copyFrom(once);
    expect(flow).toEqual(once);
    flow.clear();
    expect(flow).toEqual(new ListedFlow());
    read(message(), twice);
    read(message(), twice);
    expect(twice).toEqual(once);
  });

  test('that is cut short or overwritten is refused, or read within its bounds', () => {
    const whole = message();
    fc.assert(
      fc.property(
        fc.integer({ min: HEADERS, max: whole.length }),
        fc.array(fc.tuple(fc.integer({ min: HEADERS, max: whole.length - 1 }), fc.nat(255)), {
          maxLength: 8,
        }),
        (length, changes) => {
          const bytes = whole.slice();
          for (const [at, value] of changes) bytes[at] = value;
          const flow = new ListedFlow();
          if (!read(bytes.subarray(0, length), flow)) return;
          expect(flow.original.sourcePort).toBeLessThan(65_536);
          expect(flow.helper.length).toBeLessThan(length);
          expect(() => flowOf(flow)).not.toThrow();
        },
      ),
      { numRuns: 2000 },
    );
    for (let length = HEADERS; length < 40; length++) expect(read(whole.subarray(0, length))).toBe(false);
  });
});
