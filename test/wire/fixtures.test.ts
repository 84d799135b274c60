import { describe, expect, it } from 'vitest';
import { LITTLE_ENDIAN } from '../../src/bytes/endian.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { TCP_STATES } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { Attr } from '../../src/wire/attribute.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';
import {
  carriesRange,
  Flag,
  flagsOf,
  HEADER_SIZE,
  isData,
  lengthOf,
  MessageType,
  RANGE_SIZE,
  rangeFromOf,
  rangeToOf,
  sequenceOf,
  typeOf,
  VERSION,
  versionOf,
  writeHeader,
} from '../../src/wire/header.ts';
import { checkRecord, EXPECTATION_FORMAT, FLOW_FORMAT, Form, findAttribute } from '../../src/wire/record.ts';
import { next } from '../../src/wire/sequence.ts';
import { splitDatagram } from '../support/datagrams.ts';
import { capturedDatagram, capturedDatagrams } from '../support/fixtures.ts';

const datagrams = capturedDatagrams().map(
  (datagram) => [`${datagram.theme}/${datagram.name}`, datagram] as const,
);

const isFlow = (message: Uint8Array) => typeOf(message, 0) <= MessageType.CT_DEL;
const flowIn = (message: Uint8Array): Flow => decodeFlow(message, HEADER_SIZE, message.length);
const expectationIn = (message: Uint8Array): Expectation =>
  decodeExpectation(message, HEADER_SIZE, message.length);
const captured = (theme: string, name: string) => splitDatagram(capturedDatagram(theme, name));

const CLIENT = { family: 4, source: '192.168.10.10', destination: '203.0.113.10' } as const;
const CLIENT6 = { family: 6, source: 'fd00:10::10', destination: '2001:db8:20::10' } as const;

describe('every datagram of a C node', () => {
  it.each(datagrams)('%s frames, and its numbers follow each other', (_name, { bytes }) => {
    const messages = splitDatagram(bytes);
    expect(messages.length).toBeGreaterThan(0);
    messages.forEach((message, n) => {
      if (n > 0) expect(sequenceOf(message, 0)).toBe(next(sequenceOf(messages[n - 1]!, 0)));
    });
  });

  it.each(datagrams)('%s has headers that we write alike', (_name, { bytes }) => {
    for (const message of splitDatagram(bytes)) {
      const [type, flags] = [typeOf(message, 0), flagsOf(message, 0)];
      expect(versionOf(message, 0)).toBe(VERSION);
      expect(isData(type, flags) || type === MessageType.CONTROL).toBe(true);
      const header = new Uint8Array(HEADER_SIZE);
      writeHeader(header, 0, type, flags, message.length, sequenceOf(message, 0));
      expect(header).toEqual(message.slice(0, HEADER_SIZE));
      if (type === MessageType.CONTROL) {
        expect(lengthOf(message, 0)).toBe(carriesRange(type, flags) ? RANGE_SIZE : HEADER_SIZE);
      }
    }
  });

  // The three attributes in the sender's byte order are a little-endian machine's here.
  it.runIf(LITTLE_ENDIAN).each(datagrams)(
    '%s is canonical, and decoding and encoding gives every byte back',
    (_name, { bytes }) => {
      for (const message of splitDatagram(bytes)) {
        if (typeOf(message, 0) === MessageType.CONTROL) continue;
        const record = message.slice(HEADER_SIZE);
        const format = isFlow(message) ? FLOW_FORMAT : EXPECTATION_FORMAT;
        expect(checkRecord(format, message, HEADER_SIZE, message.length)).toBe(Form.CANONICAL);
        const encoded = isFlow(message)
          ? encodeFlow(flowIn(message))
          : encodeExpectation(expectationIn(message));
        expect(encoded).toEqual(record);
      }
    },
  );

  it('shows every attribute that this kernel and these settings can bring about', () => {
    const seen = new Set<number>();
    for (const [, { bytes }] of datagrams) {
      for (const message of splitDatagram(bytes)) {
        if (!isFlow(message)) continue;
        for (const type of Object.values(Attr)) {
          if (findAttribute(message, HEADER_SIZE, message.length, type) >= 0) seen.add(type);
        }
      }
    }
    const missing = Object.entries(Attr).filter(([, type]) => !seen.has(type));
    // No kernel from 6.16 on tracks DCCP; the local ones never travel.
    expect(missing.map(([name]) => name)).toEqual(['DCCP_STATE', 'DCCP_ROLE', 'LOCAL_PORT', 'LOCAL_ID']);
  });
});

describe('a flow on the wire', () => {
  const states = TCP_STATES.slice(1).map((name, index) => {
    const word = name === 'SYN_SENT2' ? 'listen' : name.toLowerCase().replace('_', '-');
    return [word, index + 1] as const;
  });
  it.each(states)('of TCP in state %s', (word, state) => {
    for (const [family, addresses] of [
      ['4', CLIENT],
      ['6', CLIENT6],
    ] as const) {
      const [message] = captured('tcp', `tcp${family}-${word}.new`);
      const { original, tcp, status } = flowIn(message!);
      expect(original).toMatchObject({ ...addresses, protocol: 6, ports: { destination: 80 } });
      expect(tcp).toEqual({ state });
      expect(status).toBe(Status.CONFIRMED);
    }
  });

  it('begins, changes and ends under the same key', () => {
    const kinds = ['new', 'upd', 'del'].map((kind) => captured('tcp', `tcp6-assured.${kind}`)[0]!);
    expect(kinds.map((message) => typeOf(message, 0))).toEqual([
      MessageType.CT_NEW,
      MessageType.CT_UPD,
      MessageType.CT_DEL,
    ]);
    const flows = kinds.map(flowIn);
    expect(new Set(flows.map(({ original }) => JSON.stringify(original))).size).toBe(1);
    expect(flows.map(({ tcp }) => TCP_STATES[tcp!.state!])).toEqual(['ESTABLISHED', 'FIN_WAIT', 'FIN_WAIT']);
  });

  it('of UDP-Lite and GRE is without its ports', () => {
    for (const [name, protocol] of [
      ['udplite4.new', 136],
      ['gre4.new', 47],
    ] as const) {
      const { original } = flowIn(captured('protocols', name)[0]!);
      expect(original).toEqual({ ...CLIENT, protocol });
    }
  });

  it('of SCTP has its state and both tags', () => {
    const { sctp } = flowIn(captured('protocols', 'sctp4-shutdown-sent.new')[0]!);
    // `conntrack -I` swaps the tags it is given, 0x12345678 and 0xfedcba98, before the kernel gets them.
    expect(sctp).toEqual({ state: 5, tagOriginal: 0x78563412, tagReply: 0x98badcfe });
  });

  it.runIf(LITTLE_ENDIAN)('of ICMP has type, code and id', () => {
    expect(flowIn(captured('protocols', 'icmp4.new')[0]!).original.icmp).toEqual({
      type: 8,
      code: 0,
      id: 4711,
    });
    expect(flowIn(captured('protocols', 'icmp6.new')[0]!).original.icmp).toEqual({
      type: 128,
      code: 0,
      id: 4712,
    });
  });

  it.runIf(LITTLE_ENDIAN)('has both translations, with ports', () => {
    const { sourceNat, destinationNat, status } = flowIn(captured('nat', 'udp6-both-port.new')[0]!);
    expect(sourceNat).toEqual({ address: '2001:db8:20::1', port: 40001 });
    expect(destinationNat).toEqual({ address: 'fd00:99::9', port: 8080 });
    expect(status! & (Status.SRC_NAT | Status.DST_NAT)).toBe(Status.SRC_NAT | Status.DST_NAT);
  });

  it('has no translated port where the port stayed', () => {
    expect(flowIn(captured('nat', 'tcp4-snat.new')[0]!).sourceNat).toEqual({ address: '203.0.113.1' });
    expect(flowIn(captured('nat', 'tcp4-dnat.new')[0]!).destinationNat).toEqual({ address: '192.168.99.9' });
  });

  it('of ICMP where NAT was set up has translated ports of 0, though it has no ports', () => {
    for (const name of ['icmp4.new+upd+alive', 'icmp6.new+upd+alive']) {
      const flow = flowIn(captured('real', name)[0]!);
      expect(flow.status! & Status.SRC_NAT).toBe(0);
      expect(flow.sourceNat).toEqual({ port: 0 });
      expect(flow.destinationNat).toEqual({ port: 0 });
    }
  });

  it('has its mark and its zone', () => {
    expect(flowIn(captured('attributes', 'mark.new')[0]!).mark).toBe(0xdeadbeef);
    expect(flowIn(captured('attributes', 'zone.new')[0]!).zone).toBe(7);
    expect(flowIn(captured('attributes', 'zone-greatest.del')[0]!).zone).toBe(65535);
  });

  it('has its labels, low word first', () => {
    expect(flowIn(captured('real', 'label-0.7-messages')[0]!).labels).toEqual([1, 0, 0, 0]);
    expect(flowIn(captured('real', 'label-40.7-messages')[0]!).labels).toEqual([0, 1 << 8, 0, 0]);
    expect(flowIn(captured('real', 'label-127.7-messages')[0]!).labels).toEqual([0, 0, 0, 0x8000_0000]);
    expect(flowIn(captured('real', 'labels-3-33-126.7-messages')[0]!).labels).toEqual([8, 2, 0, 0x4000_0000]);
  });

  it('has TIMEOUT only where the sender has no CommitTimeout', () => {
    expect(flowIn(captured('timeouts', 'tcp4.new')[0]!).timeout).toBe(432_000);
    expect(flowIn(captured('tcp', 'tcp4-established.new')[0]!)).not.toHaveProperty('timeout');
  });

  it('has the window scale of either direction once it is known', () => {
    const flows = captured('window', 'tcp4.7-messages').filter(isFlow).map(flowIn);
    expect(flows[0]!.tcp).toMatchObject({ state: 1, scaleReply: 0 });
    for (const { tcp } of flows.slice(1))
      expect(Math.min(tcp!.scaleOriginal!, tcp!.scaleReply!)).toBeGreaterThan(0);
  });

  it('goes through the states of a connection, one message each', () => {
    const messages = captured('real', 'tcp4.7-messages');
    const flows = messages.filter(isFlow).map(flowIn);
    expect(flows.map(({ tcp }) => TCP_STATES[tcp!.state!])).toEqual([
      'SYN_SENT',
      'SYN_RECV',
      'ESTABLISHED',
      'FIN_WAIT',
      'LAST_ACK',
      'TIME_WAIT',
    ]);
  });

  it('has what the SYN proxy knows, and the sequence adjustment that follows from it', () => {
    const flows = captured('real', 'synproxy.7-messages').filter(isFlow).map(flowIn);
    const proxied = flows.find(({ synproxy }) => (synproxy?.tsoff ?? 0) !== 0)!;
    expect(proxied.synproxy!.isn).not.toBe(0);
    const { sequenceAdjustment, status } = flows.find((flow) => flow.sequenceAdjustment)!;
    expect(status! & Status.SEQ_ADJUST).toBe(Status.SEQ_ADJUST);
    expect(sequenceAdjustment!.reply.offsetAfter).toBe(sequenceAdjustment!.reply.offsetBefore);
    expect(sequenceAdjustment!.reply.offsetAfter).not.toBe(0);
  });
});

describe('FTP on the wire', () => {
  const nothing = { family: 4, source: '0.0.0.0', destination: '0.0.0.0' } as const;
  const nowhere = { family: 6, source: '::', destination: '::' } as const;

  it('expects the active data connection at the translated address', () => {
    const [message] = captured('ftp', 'active4.exp-new');
    const expected = expectationIn(message!);
    expect(typeOf(message!, 0)).toBe(MessageType.EXP_NEW);
    expect(expected).toMatchObject({
      master: { ...CLIENT, protocol: 6, ports: { destination: 21 } },
      expected: {
        source: '203.0.113.10',
        destination: '203.0.113.1',
        ports: { source: 0, destination: 50_001 },
      },
      mask: {
        source: '255.255.255.255',
        destination: '255.255.255.255',
        ports: { source: 0, destination: 0xffff },
      },
      nat: { tuple: { ...nothing, protocol: 6, ports: { source: 50_001, destination: 0 } }, direction: 1 },
      helper: 'ftp',
      function: 'nat-follow-master',
    });
    expect(expected).not.toHaveProperty('timeout');
  });

  it('expects the passive one over IPv6 with a translation that has no address', () => {
    const { expected, nat, mask } = expectationIn(captured('ftp', 'passive6.exp-new')[0]!);
    expect(expected).toMatchObject({ ...CLIENT6, ports: { source: 0, destination: 40_001 } });
    expect(mask!.source).toBe('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff');
    expect(nat).toEqual({
      tuple: { ...nowhere, protocol: 6, ports: { source: 40_001, destination: 0 } },
      direction: 0,
    });
  });

  it('has the time an expectation has left only without CommitTimeout', () => {
    expect(expectationIn(captured('ftp-timeouts', 'active4.exp-new')[0]!).timeout).toBe(300);
  });

  it('ends the expectation when the data connection begins, whose master is the control connection', () => {
    const [gone, data] = captured('ftp', 'active4-data.exp-del+upd');
    expect(typeOf(gone!, 0)).toBe(MessageType.EXP_DEL);
    const flow = flowIn(data!);
    expect(flow.master).toEqual(expectationIn(gone!).master);
    expect(flow.status! & Status.EXPECTED).toBe(Status.EXPECTED);
  });

  it('has the helper, and the sequence adjustment where the helper made a line shorter', () => {
    const flows = captured('ftp', 'active4-bulk.upd+upd+exp-upd').filter(isFlow).map(flowIn);
    const control = flows.find(({ original }) => original.ports!.destination === 21)!;
    expect(control.helper).toBe('ftp');
    // `203,0,113,1` is 2 bytes shorter than `192,168,10,10`, and that happened twice.
    expect(control.sequenceAdjustment!.original).toMatchObject({
      offsetBefore: -2 >>> 0,
      offsetAfter: -4 >>> 0,
    });
    expect(control.sequenceAdjustment!.reply).toEqual({ position: 0, offsetBefore: 0, offsetAfter: 0 });
  });
});

describe('control messages on the wire', () => {
  const one = (name: string) => captured('control', name)[0]!;
  const flags = (name: string) => captured('control', name).map((message) => flagsOf(message, 0));
  const range = (message: Uint8Array) => [rangeFromOf(message, 0), rangeToOf(message, 0)];

  it('send HELLO until they are answered, then HELLO_BACK once', () => {
    expect(flags('start.alive-hello')).toEqual([Flag.ALIVE | Flag.HELLO]);
    expect(flags('start-flow.new-hello')).toEqual([Flag.HELLO]);
    expect(flags('greeted.ack-hello-hello-back')).toEqual([Flag.ACK | Flag.HELLO | Flag.HELLO_BACK]);
    expect(flags('answered.ack')).toEqual([Flag.ACK]);
    expect(flags('quiet.alive')).toEqual([Flag.ALIVE]);
    expect(flags('flow.new')).toEqual([0]);
  });

  it('acknowledge what came, from where the window began', () => {
    expect(range(one('greeted.ack-hello-hello-back'))).toEqual([1000, 1000]);
    expect(range(one('answered.ack'))[1]).toBe(1001);
  });

  it('ask for what was left out', () => {
    expect(range(one('gap.nack'))).toEqual([1002, 1009]);
  });

  it('acknowledge the open window before they ask for what comes after it', () => {
    const [ack, nack] = captured('control', 'second-gap.ack+nack');
    expect([flagsOf(ack!, 0), flagsOf(nack!, 0)]).toEqual([Flag.ACK, Flag.NACK]);
    expect(range(ack!)[1]).toBe(1312);
    expect(range(nack!)).toEqual([1313, 1313]);
  });

  it('acknowledge 300 messages at once', () => {
    const [from, to] = range(one('window.ack'));
    expect([from, to]).toEqual([1010, 1309]);
  });

  it('ask for all with an empty range', () => {
    const resync = one('resync.resync');
    expect(flagsOf(resync, 0)).toBe(Flag.RESYNC);
    expect(range(resync)).toEqual([0, 0]);
  });

  it('have a message sent again with the same record and another number', () => {
    const [first, again] = [one('flow.new'), one('resend.new')];
    expect(again.slice(HEADER_SIZE)).toEqual(first.slice(HEADER_SIZE));
    expect(sequenceOf(again, 0)).not.toBe(sequenceOf(first, 0));
  });

  it('share a datagram only while it stays below the MTU of 1,500 less 28 bytes', () => {
    const bulk = capturedDatagram('control', 'bulk.19-messages');
    expect(bulk.length).toBeLessThan(1472);
    expect(bulk.length + splitDatagram(bulk)[0]!.length).toBeGreaterThanOrEqual(1472);
  });
});
