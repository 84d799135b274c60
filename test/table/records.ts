import { writeU16, writeU32 } from '../../src/bytes/integers.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { Attr, TLV_HEADER } from '../../src/wire/attribute.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { findAttribute } from '../../src/wire/record.ts';
import { putAttribute } from '../../src/wire/tlv.ts';

/** Flow number `n` of a set in which no two share a key; `fields` says the rest. */
export function flow(n: number, fields: Partial<Flow> = {}): Flow {
  return {
    original: {
      family: 4,
      source: `10.${(n >>> 16) & 0xff}.${(n >>> 8) & 0xff}.${n & 0xff}`,
      destination: '192.0.2.1',
      protocol: Protocol.TCP,
      ports: { source: 40000, destination: 443 },
    },
    status: Status.CONFIRMED | Status.SEEN_REPLY | Status.ASSURED,
    ...fields,
  };
}

export function record(n: number, fields: Partial<Flow> = {}): Uint8Array {
  return encodeFlow(flow(n, fields));
}

/** A source-NATed, established IPv4 TCP flow, as a firewall has most. */
export const NATED: Partial<Flow> = {
  tcp: { state: 3 },
  mark: 1,
  timeout: 432_000,
  status: Status.CONFIRMED | Status.SEEN_REPLY | Status.ASSURED | Status.SRC_NAT | Status.SRC_NAT_DONE,
  sourceNat: { address: '203.0.113.7', port: 61_000 },
};

/** One NATed record whose key is rewritten in place: a million of them cost no encoding. */
export class ManyFlows {
  readonly bytes = record(0, NATED);
  private readonly addresses = findAttribute(this.bytes, 0, this.bytes.length, Attr.IPV4) + TLV_HEADER;
  private readonly ports = findAttribute(this.bytes, 0, this.bytes.length, Attr.PORT) + TLV_HEADER;
  private readonly mark = findAttribute(this.bytes, 0, this.bytes.length, Attr.MARK) + TLV_HEADER;

  /** Makes `bytes` the record of flow `n`. */
  set(n: number, mark = n): void {
    writeU32(this.bytes, this.addresses, 0x0a00_0000 + (n >>> 4));
    writeU16(this.bytes, this.ports, 1024 + (n & 15));
    writeU32(this.bytes, this.mark, mark);
  }

  get length(): number {
    return this.bytes.length;
  }
}

/** The record with the ports of a protocol whose ports do not travel, as our own kernel gives it. */
export function withLocalPort(bytes: Uint8Array, source: number, destination: number): Uint8Array {
  const longer = new Uint8Array(bytes.length + 8);
  longer.set(bytes);
  const ports = Uint8Array.of(source >> 8, source, destination >> 8, destination);
  putAttribute(longer, bytes.length, Attr.LOCAL_PORT, ports, 0, 4);
  return longer;
}
