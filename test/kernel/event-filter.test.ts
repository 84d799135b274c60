import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import {
  Cta,
  CtaIp,
  CtaProto,
  CtaProtoinfo,
  CtaTcp,
  CtaTuple,
  CtnetlinkMessage,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  Subsystem,
} from '../../src/kernel/codec/ctnetlink-numbers.ts';
import { Transcoder } from '../../src/kernel/codec/transcode.ts';
import { compileEventFilter, EVENT_FILTER_MAX } from '../../src/kernel/ctnetlink/event-filter.ts';
import { kernelCounters } from '../../src/kernel/kernel.ts';
import { type AddressRange, type FilterRules, FlowFilter } from '../../src/sync/flow-filter.ts';
import { messageType, NetlinkWriter } from '../../src/system/netlink.ts';
import { checkedProgram, runProgram } from '../support/bpf.ts';
import { capturedEvents } from '../support/fixtures.ts';

const { isNative, events } = capturedEvents();
const captured = events.map(({ bytes }) => bytes);

const EVERYTHING: FilterRules = { protocols: undefined, addresses: undefined, tcpStates: undefined };

const passes = (rules: FilterRules, message: Uint8Array): boolean =>
  runProgram(checkedProgram(compileEventFilter(rules)), message) !== 0;

/** What the filter in user space makes of the same message, once it has become a record. */
function flowFilterPasses(rules: FilterRules, message: Uint8Array): boolean {
  const transcoder = new Transcoder({ timeout: true, windowScale: false }, kernelCounters());
  const length = transcoder.flow(message, 0, message.length);
  expect(length).toBeGreaterThan(0);
  const ended = (messageType(message, 0) & 0xff) === CtnetlinkMessage.DELETE;
  return new FlowFilter(rules).accepts(transcoder.record, 0, length, ended);
}

interface Event {
  readonly ended?: boolean;
  readonly subsystem?: number;
  readonly protocol?: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** Other than the destination: translated. */
  readonly replySource?: Uint8Array;
  readonly state?: number;
}

/** A message as the kernel writes it. */
function eventOf(event: Event): Uint8Array {
  const { source, destination, replySource = destination, protocol = Protocol.UDP, state } = event;
  const v4 = source.length === 4;
  const writer = new NetlinkWriter(1024);
  const message = writer.message(
    event.subsystem ?? Subsystem.FLOW,
    event.ended ? CtnetlinkMessage.DELETE : CtnetlinkMessage.NEW,
    0,
    0,
    v4 ? NFPROTO_IPV4 : NFPROTO_IPV6,
  );
  const tuple = (type: number, from: Uint8Array, to: Uint8Array) => {
    const nest = writer.nest(type);
    const ip = writer.nest(CtaTuple.IP);
    writer.copy(v4 ? CtaIp.V4_SRC : CtaIp.V6_SRC, from, 0, from.length);
    writer.copy(v4 ? CtaIp.V4_DST : CtaIp.V6_DST, to, 0, to.length);
    writer.endNest(ip);
    const proto = writer.nest(CtaTuple.PROTO);
    writer.u8(CtaProto.NUM, protocol);
    writer.u16(CtaProto.SRC_PORT, 1);
    writer.u16(CtaProto.DST_PORT, 2);
    writer.endNest(proto);
    writer.endNest(nest);
  };
  tuple(Cta.TUPLE_ORIG, source, destination);
  tuple(Cta.TUPLE_REPLY, replySource, source);
  writer.u32(Cta.STATUS, replySource === destination ? 0 : Status.DST_NAT | Status.DST_NAT_DONE);
  if (state !== undefined) {
    const info = writer.nest(Cta.PROTOINFO);
    const tcp = writer.nest(CtaProtoinfo.TCP);
    writer.u8(CtaTcp.STATE, state);
    writer.endNest(tcp);
    writer.endNest(info);
  }
  writer.endMessage(message);
  return writer.bytes.slice(0, writer.at);
}

const v4 = (text: string) => Uint8Array.from(text.split('.').map(Number));
const v6 = (text: string) => Uint8Array.from(Buffer.from(text.padEnd(32, '0'), 'hex'));
const network = (bytes: Uint8Array, prefix = bytes.length * 8): AddressRange => ({
  family: bytes.length === 4 ? 4 : 6,
  bytes,
  prefix,
});

// Few different bytes, so that addresses and networks meet.
const byte = fc.constantFrom(0, 1, 127, 128, 255);
const address4 = fc.array(byte, { minLength: 4, maxLength: 4 }).map((bytes) => Uint8Array.from(bytes));
const address6 = fc
  .tuple(fc.nat(15), byte, fc.constantFrom(0, 255))
  .map(([at, value, rest]) => Uint8Array.from({ length: 16 }, (_, n) => (n === at ? value : rest)));
const aNetwork = fc.oneof(
  fc.tuple(address4, fc.oneof(fc.nat(32), fc.constant(32))).map(([bytes, prefix]) => network(bytes, prefix)),
  fc
    .tuple(address6, fc.oneof(fc.nat(128), fc.constantFrom(32, 64, 96, 128)))
    .map(([bytes, prefix]) => network(bytes, prefix)),
);
const logic = fc.constantFrom('accept' as const, 'ignore' as const);
const state = fc.nat(15);
const protocol = fc.constantFrom(6, 17, 1, 58, 132, 255);
const part = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const someRules: fc.Arbitrary<FilterRules> = fc.record({
  protocols: part(fc.record({ logic, numbers: fc.uniqueArray(protocol) })),
  addresses: part(fc.record({ logic, networks: fc.array(aNetwork, { maxLength: 12 }) })),
  tcpStates: part(fc.record({ logic, states: fc.uniqueArray(state) })),
});
const someEvent: fc.Arbitrary<Event> = fc
  .oneof(
    ...[address4, address6].map((address) =>
      fc.record({ source: address, destination: address, replySource: part(address) }),
    ),
  )
  .chain(({ source, destination, replySource }) =>
    fc.record({ ended: fc.boolean(), protocol, state: part(state) }).map((rest) => ({
      source,
      destination,
      protocol: rest.protocol,
      ended: rest.ended,
      ...(replySource === undefined ? {} : { replySource }),
      // Only TCP flows have the state of one.
      ...(rest.protocol === Protocol.TCP && rest.state !== undefined ? { state: rest.state } : {}),
    })),
  );

describe('the event filter', () => {
  it.skipIf(!isNative)('decides on messages of the kernel as the filter in user space does', () => {
    const addresses = fc.constantFrom(
      network(v4('1.1.1.1')),
      network(v4('1.0.0.0'), 8),
      network(v4('2.2.2.2')),
      network(v4('10.0.0.0'), 8),
      network(v4('10.0.0.1')),
      network(v4('10.77.0.0'), 30),
      network(v6('fd'), 8),
      network(v6('fd000000000000000000000000000002')),
      network(v6('fd00'), 64),
      network(v6('fd0077'), 33),
    );
    const rules = fc.record({
      protocols: part(fc.record({ logic, numbers: fc.uniqueArray(fc.constantFrom(6, 17, 1, 58, 47, 50)) })),
      addresses: part(fc.record({ logic, networks: fc.uniqueArray(addresses) })),
      tcpStates: part(fc.record({ logic, states: fc.uniqueArray(fc.integer({ min: 1, max: 9 })) })),
    });
    const verdicts = { passed: 0, dropped: 0 };
    fc.assert(
      fc.property(rules, (rules) => {
        const program = checkedProgram(compileEventFilter(rules));
        for (const message of captured) {
          const passed = runProgram(program, message) !== 0;
          expect(passed).toBe(flowFilterPasses(rules, message));
          verdicts[passed ? 'passed' : 'dropped']++;
        }
      }),
    );
    expect(verdicts.passed).toBeGreaterThan(100);
    expect(verdicts.dropped).toBeGreaterThan(100);
  });

  it('decides on any flow as the filter in user space does', () => {
    fc.assert(
      fc.property(someRules, someEvent, (rules, event) => {
        const message = eventOf(event);
        expect(passes(rules, message)).toBe(flowFilterPasses(rules, message));
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps a message whole', () => {
    const program = checkedProgram(compileEventFilter(EVERYTHING));
    const message = eventOf({ source: v4('1.1.1.1'), destination: v4('2.2.2.2') });
    expect(runProgram(program, message)).toBe(0xffffffff);
  });

  it('tests the two real ends: original source and reply source', () => {
    const rules = (...networks: AddressRange[]): FilterRules => ({
      ...EVERYTHING,
      addresses: { logic: 'accept', networks },
    });
    const translated = eventOf({
      source: v4('10.0.0.1'),
      destination: v4('20.0.0.1'),
      replySource: v4('30.0.0.1'),
    });
    expect(passes(rules(network(v4('10.0.0.1'))), translated)).toBe(true);
    expect(passes(rules(network(v4('20.0.0.1'))), translated)).toBe(false);
    expect(passes(rules(network(v4('30.0.0.1'))), translated)).toBe(true);
  });

  it('asks for addresses of the flow’s own family', () => {
    const flow4 = eventOf({ source: v4('10.0.0.1'), destination: v4('20.0.0.1') });
    const flow6 = eventOf({ source: v6('fd01'), destination: v6('fd02') });
    for (const listed of [network(v4('0.0.0.0'), 0), network(v6(''), 0)]) {
      for (const logic of ['accept', 'ignore'] as const) {
        const rules: FilterRules = { ...EVERYTHING, addresses: { logic, networks: [listed] } };
        expect(passes(rules, flow4)).toBe((listed.family === 4) === (logic === 'accept'));
        expect(passes(rules, flow6)).toBe((listed.family === 6) === (logic === 'accept'));
      }
    }
  });

  it('does not hide the end of a flow for its state, but for its protocol and addresses it does', () => {
    const flow = { source: v4('10.0.0.1'), destination: v4('20.0.0.1'), protocol: Protocol.TCP, state: 7 };
    const states: FilterRules = { ...EVERYTHING, tcpStates: { logic: 'accept', states: [3] } };
    expect(passes(states, eventOf(flow))).toBe(false);
    expect(passes(states, eventOf({ ...flow, ended: true }))).toBe(true);
    const protocols: FilterRules = { ...states, protocols: { logic: 'ignore', numbers: [6] } };
    expect(passes(protocols, eventOf({ ...flow, ended: true }))).toBe(false);
    const addresses: FilterRules = {
      ...states,
      addresses: { logic: 'accept', networks: [network(v4('10.0.0.2'))] },
    };
    expect(passes(addresses, eventOf({ ...flow, ended: true }))).toBe(false);
  });

  it('lets pass what is no flow, and what lacks the attribute that is asked for', () => {
    const nothing: FilterRules = {
      protocols: { logic: 'accept', numbers: [] },
      addresses: { logic: 'accept', networks: [network(v4('9.9.9.9')), network(v6('99'))] },
      tcpStates: { logic: 'accept', states: [] },
    };
    const flow = { source: v4('10.0.0.1'), destination: v4('20.0.0.1') };
    expect(passes(nothing, eventOf(flow))).toBe(false);
    expect(passes(nothing, eventOf({ ...flow, subsystem: Subsystem.EXPECTATION }))).toBe(true);
    for (const family of [NFPROTO_IPV4, NFPROTO_IPV6, 0]) {
      const writer = new NetlinkWriter(64);
      const message = writer.message(Subsystem.FLOW, CtnetlinkMessage.NEW, 0, 0, family);
      writer.u32(Cta.MARK, 1);
      writer.endMessage(message);
      expect(passes(nothing, writer.bytes.slice(0, writer.at))).toBe(true);
      expect(passes(nothing, writer.bytes.slice(0, 20))).toBe(true);
    }
  });

  it('finds attributes only inside the nest they belong to', () => {
    // The state of SCTP stands where TCP's would be looked for by a search that runs on behind its nest.
    const writer = new NetlinkWriter(256);
    const message = writer.message(Subsystem.FLOW, CtnetlinkMessage.NEW, 0, 0, NFPROTO_IPV4);
    const info = writer.nest(Cta.PROTOINFO);
    const sctp = writer.nest(CtaProtoinfo.SCTP);
    writer.u8(CtaTcp.STATE, 5);
    writer.endNest(sctp);
    writer.endNest(info);
    writer.u8(CtaProtoinfo.TCP, 5);
    writer.endMessage(message);
    const rules: FilterRules = { ...EVERYTHING, tcpStates: { logic: 'ignore', states: [5] } };
    expect(passes(rules, writer.bytes.slice(0, writer.at))).toBe(true);
  });

  describe('takes long lists', () => {
    const host4 = (n: number) => Uint8Array.of(10, n >> 16, n >> 8, n);
    const host6 = (n: number) =>
      Uint8Array.from({ length: 16 }, (_, at) => (n * 7919 * (at + 1)) >> (at % 4));
    const source = v4('192.0.2.1');
    const rules = (networks: AddressRange[]): FilterRules => ({
      ...EVERYTHING,
      addresses: { logic: 'accept', networks },
    });
    const hosts = (count: number, host: (n: number) => Uint8Array) =>
      rules(Array.from({ length: count }, (_, n) => network(host(n))));

    it('and finds every entry, however far a jump has to go', () => {
      const listed = rules([
        ...Array.from({ length: 400 }, (_, n) => network(host4(n))),
        ...Array.from({ length: 30 }, (_, n) => network(Uint8Array.of(n, 0, 0, 0), 8 + (n % 20))),
        ...Array.from({ length: 60 }, (_, n) => network(host6(n), 128 - (n % 9))),
      ]);
      const program = checkedProgram(compileEventFilter(listed));
      for (let n = 0; n < 500; n += 7) {
        for (const [one, other] of [
          [host4(n), source],
          [source, host4(n)],
          [Uint8Array.of(n, 0, 0, 1), source],
          [host6(n), v6('fd')],
          [v6('fd'), host6(n)],
        ] as const) {
          const message = eventOf({ source: one, destination: other });
          expect(runProgram(program, message) !== 0).toBe(flowFilterPasses(listed, message));
        }
      }
    });

    /** The greatest number that does not throw. */
    function most(compile: (count: number) => unknown): number {
      let fits = 1;
      let tooMany = 5000;
      while (tooMany - fits > 1) {
        const count = (fits + tooMany) >> 1;
        try {
          compile(count);
          fits = count;
        } catch {
          tooMany = count;
        }
      }
      return fits;
    }

    it('of two thousand hosts, or of two hundred that have nothing in common over IPv6', () => {
      expect(most((count) => compileEventFilter(hosts(count, host4)))).toBeGreaterThan(2000);
      expect(most((count) => compileEventFilter(hosts(count, host6)))).toBeGreaterThan(200);
    });

    it('until the kernel would not take them, and reports it', () => {
      const compile = (count: number) => compileEventFilter(hosts(count, host4));
      const count = most(compile);
      expect(compile(count).length / 8).toBeLessThanOrEqual(EVENT_FILTER_MAX);
      expect(compile(count).length / 8).toBeGreaterThan(EVENT_FILTER_MAX - 8);
      expect(() => compile(count + 1)).toThrow(
        /^`Filter From Kernelspace' makes a program of \d+ instructions, and the kernel takes 4096: list fewer addresses/,
      );
    });
  });
});
