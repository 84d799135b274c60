import { describe, expect, it } from 'vitest';
import { LITTLE_ENDIAN } from '../../src/bytes/endian.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { Dialect, type DialectOptions, PLAIN_DIALECT } from '../../src/sync/dialect/dialect.ts';
import { peerVersion } from '../../src/sync/dialect/peer-version.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { checkRecord, FLOW_FORMAT, Form } from '../../src/wire/record.ts';
import { flow } from '../table/records.ts';

const OLD: DialectOptions = { version: peerVersion('1.4.6'), labels: true };
const NAT = Status.CONFIRMED | Status.SRC_NAT | Status.SRC_NAT_DONE;

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/[\s|]/g, ''), 'hex'));
}

/**
 * NEW of 1.4.6 on a little-endian machine for a TCP flow 10.1.1.5:4660 -> 198.51.100.7:80, source-translated to
 * 203.0.113.9:4660, by the order and the conversions of src/build.c of that version: IPV4, STATUS, L4PROTO, PORT, TCP_STATE,
 * MARK, SNAT_IPV4 after htonl.
 */
const OLD_NEW = bytesOf(
  `10000044 00000007
   000c0000 0a010105 c6336407
   00080005 0000009e
   00050002 06000000
   00080003 12340050
   00050004 03000000
   00080007 00000000
   0008000c 097100cb`,
);

function received(dialect: Dialect, record: Uint8Array): Flow {
  const size = dialect.receiveFlow(record, 0, record.length);
  const bytes = size < 0 ? record : dialect.record.subarray(0, size);
  expect(checkRecord(FLOW_FORMAT, bytes, 0, bytes.length)).toBe(Form.CANONICAL);
  return decodeFlow(bytes, 0, bytes.length);
}

function translatedTo(address: string, more: Partial<Flow> = {}): Uint8Array {
  return encodeFlow(flow(1, { status: NAT, sourceNat: { address }, ...more }));
}

/** The CT_NEW message of a record. */
function message(record: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + record.length);
  bytes.set([0x10, 0, bytes.length >> 8, bytes.length & 0xff, 0, 0, 0, 1]);
  bytes.set(record, 8);
  return bytes;
}

describe.skipIf(!LITTLE_ENDIAN)('a peer of 1.4.6 and older', () => {
  it('sends translated IPv4 addresses in reverse, which are put right', () => {
    const record = OLD_NEW.subarray(8);
    expect(received(new Dialect(OLD), record).sourceNat?.address).toBe('203.0.113.9');
    expect(received(new Dialect(PLAIN_DIALECT), record).sourceNat?.address).toBe('9.113.0.203');
  });

  it('gets them in reverse', () => {
    const dialect = new Dialect(OLD);
    const record = encodeFlow(
      flow(1, {
        status: NAT,
        sourceNat: { address: '203.0.113.9' },
        destinationNat: { address: '10.0.0.8' },
      }),
    );
    const datagram = Uint8Array.from([...message(record), ...message(record)]);
    const length = dialect.writeDatagram(datagram, datagram.length);
    expect(length).toBe(datagram.length);
    for (const at of [8, 8 + length / 2]) {
      const sent = decodeFlow(dialect.datagram, at, at + record.length);
      expect(sent.sourceNat?.address).toBe('9.113.0.203');
      expect(sent.destinationNat?.address).toBe('8.0.0.10');
    }
  });

  it('gets everything else as it is, expectations and control messages included', () => {
    const dialect = new Dialect(OLD);
    const control = Uint8Array.of(0x1a, 8, 0, 16, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2);
    const expectation = Uint8Array.from([...message(encodeFlow(flow(2)))]);
    expectation[0] = 0x13;
    const plain = message(encodeFlow(flow(3, { mark: 5 })));
    const datagram = Uint8Array.from([...control, ...expectation, ...plain]);
    const length = dialect.writeDatagram(datagram, datagram.length);
    expect(dialect.datagram.subarray(0, length)).toEqual(datagram);
  });

  it('is told of zones in words that it refuses, rather than of a flow in zone 0, and that is counted', () => {
    const dialect = new Dialect(OLD);
    const datagram = message(encodeFlow(flow(1, { zone: 3 })));
    expect(dialect.writeDatagram(datagram, datagram.length)).toBe(datagram.length);
    expect(dialect.counters.zonesUnknown).toBe(1);
  });

  it('is not sent SYNPROXY, which is new in 1.4.5, if it is 1.4.4', () => {
    const record = encodeFlow(flow(1, { synproxy: { its: 1, isn: 2, tsoff: 3 }, mark: 9 }));
    for (const [version, keeps] of [
      ['1.4.4', false],
      ['1.4.5', true],
    ] as const) {
      const dialect = new Dialect({ version: peerVersion(version), labels: true });
      const datagram = message(record);
      const length = dialect.writeDatagram(datagram, datagram.length);
      const sent = decodeFlow(dialect.datagram, 8, length);
      expect(sent.mark).toBe(9);
      expect(sent.synproxy !== undefined).toBe(keeps);
      expect((dialect.datagram[2]! << 8) | dialect.datagram[3]!).toBe(length);
    }
  });
});

describe('the version of a peer', () => {
  it.each(['1.4.4', '1.4.6', '1.4.7', '1.4.9', '1.4.10'])('may be %s', (name) => {
    expect(peerVersion(name)?.isOld).toBe(Number(name.slice(4)) < 7);
  });

  it.each(['', '1.4', '1.4.3', '1.5.0', '1.4.6-1', 'v1.4.6', '1.4.0004'])('is not `%s´', (name) => {
    expect(peerVersion(name)).toBeUndefined();
  });

  it('is recognised by three addresses that make sense in reverse alone, once', () => {
    const dialect = new Dialect(PLAIN_DIALECT);
    for (const address of ['240.1.2.10', '0.1.2.10', '255.1.2.10']) {
      expect(dialect.takeRecognition()).toBe(false);
      received(dialect, translatedTo(address));
    }
    expect(dialect.takeRecognition()).toBe(true);
    expect(dialect.takeRecognition()).toBe(false);
    expect(dialect).toMatchObject({ isRecognised: true, changesDatagrams: true, version: { name: '1.4.6' } });
    expect(dialect.counters.natReversed).toBe(3);
  });

  it('is not recognised by addresses that make sense both ways, nor after one that makes sense as it is', () => {
    const dialect = new Dialect(PLAIN_DIALECT);
    for (const address of ['203.0.113.9', '127.0.0.1', '224.0.0.25', '10.0.0.1'])
      received(dialect, translatedTo(address));
    expect(dialect.counters).toMatchObject({ natInOrder: 0, natReversed: 0 });
    received(dialect, translatedTo('203.0.113.250'));
    for (let n = 0; n < 10; n++) received(dialect, translatedTo('250.1.2.10'));
    expect(dialect.takeRecognition()).toBe(false);
  });

  it('is recognised by five TCP messages without ports, which are counted', () => {
    const dialect = new Dialect(PLAIN_DIALECT);
    const { ports: _, ...original } = { ...flow(1).original, protocol: Protocol.TCP };
    for (let n = 0; n < 5; n++) {
      expect(dialect.takeRecognition()).toBe(false);
      received(dialect, encodeFlow({ original, status: Status.CONFIRMED }));
    }
    expect(dialect.counters.withoutPorts).toBe(5);
    expect(dialect.takeRecognition()).toBe(true);
  });

  it('is what the settings say, whatever the wire shows', () => {
    const dialect = new Dialect({ version: peerVersion('1.4.9'), labels: true });
    for (let n = 0; n < 10; n++) received(dialect, translatedTo('250.1.2.10'));
    expect(dialect.takeRecognition()).toBe(false);
    expect(dialect.changesDatagrams).toBe(false);
  });
});

describe('received labels', () => {
  it('are taken unless the settings say otherwise', () => {
    const record = encodeFlow(flow(1, { mark: 4, labels: [1, 2], zone: 3 }));
    expect(received(new Dialect(PLAIN_DIALECT), record).labels).toEqual([1, 2]);
    const without = received(new Dialect({ version: undefined, labels: false }), record);
    expect(without).toMatchObject({ mark: 4, zone: 3 });
    expect(without.labels).toBeUndefined();
  });
});

describe('a received flow that is in a flow table', () => {
  const offloaded = (more: Partial<Flow>, protocol: number = Protocol.TCP): Uint8Array => {
    const { original } = flow(1);
    return encodeFlow({
      original: { ...original, protocol },
      status: Status.CONFIRMED | Status.ASSURED | Status.OFFLOAD,
      ...more,
    });
  };

  it('is established, with a timeout, where its sender knew neither', () => {
    const taken = received(new Dialect(PLAIN_DIALECT), offloaded({ mark: 3, zone: 1 }));
    expect(taken).toMatchObject({ tcp: { state: 3 }, timeout: 432_000, mark: 3, zone: 1 });
    const udp = received(new Dialect(PLAIN_DIALECT), offloaded({}, Protocol.UDP));
    expect(udp.timeout).toBe(120);
    expect(udp.tcp).toBeUndefined();
  });

  it('keeps what its sender knew', () => {
    const taken = received(new Dialect(PLAIN_DIALECT), offloaded({ tcp: { state: 4 }, timeout: 9 }));
    expect(taken).toMatchObject({ tcp: { state: 4 }, timeout: 9 });
  });
});
