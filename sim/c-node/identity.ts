import { readNativeI32, readNativeU16 } from '../../src/bytes/endian.ts';
import { readU16 } from '../../src/bytes/integers.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Attr, TLV_HEADER } from '../../src/wire/attribute.ts';
import { ExpAttr } from '../../src/wire/expectation-attributes.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT, findAttribute, type RecordFormat } from '../../src/wire/record.ts';
import { bucketOf, lookup2 } from './hash.ts';

/** Flows or expectations: their attributes, and what identifies one. */
export interface Kind {
  readonly format: RecordFormat;
  /** The message types NEW, UPD and DEL of this kind are this, and the next two. */
  readonly firstType: number;
  /** The type of its TIMEOUT attribute. */
  readonly timeout: number;
  /** What C compares of two canonical records in one bucket, as a string of bytes. */
  key(record: Uint8Array): string;
  /** The bucket of a record, below `buckets`. */
  bucket(record: Uint8Array, buckets: number): number;
}

const AF_INET = 2;
const AF_INET6 = 10;

function keyOf(record: Uint8Array, identifies: (type: number) => boolean): string {
  let key = '';
  for (let at = 0; at < record.length; ) {
    const length = readU16(record, at);
    const type = readU16(record, at + 2);
    if (identifies(type)) {
      // A local port is compared as any other.
      key += String.fromCharCode(type === Attr.LOCAL_PORT ? Attr.PORT : type);
      for (let n = at + TLV_HEADER; n < at + length; n++) key += String.fromCharCode(record[n]!);
    }
    at += (length + 3) & ~3;
  }
  return key;
}

/** The words that are hashed: both addresses, family and protocol, both ports, of a flow also the zone. */
const words = new Int32Array(11);

interface HashedTypes {
  readonly ipv4: number;
  readonly ipv6: number;
  readonly protocol: number;
  readonly port: number;
}

function bucketBy(record: Uint8Array, buckets: number, types: HashedTypes, flow: boolean): number {
  let addressAt = 0;
  let family = 0;
  let protocol = 0;
  let ports = 0;
  let zone = 0;
  for (let at = 0; at < record.length; at += (readU16(record, at) + 3) & ~3) {
    const value = at + TLV_HEADER;
    const type = readU16(record, at + 2);
    if (type === types.ipv4 || type === types.ipv6) {
      addressAt = value;
      family = type === types.ipv4 ? AF_INET : AF_INET6;
    } else if (type === types.protocol) protocol = record[value]!;
    else if (type === types.port || (flow && type === Attr.LOCAL_PORT)) {
      ports = (readNativeU16(record, value) << 16) | readNativeU16(record, value + 2);
    } else if (flow && type === Attr.ZONE) zone = readU16(record, value);
  }
  let count = 0;
  for (let n = 0; n < (family === AF_INET ? 2 : 8); n++)
    words[count++] = readNativeI32(record, addressAt + 4 * n);
  words[count++] = (family << 16) | protocol;
  words[count++] = ports;
  if (flow) words[count++] = zone;
  return bucketOf(lookup2(words, count), buckets);
}

const FLOW_KEY = new Set<number>([
  Attr.IPV4,
  Attr.IPV6,
  Attr.L4PROTO,
  Attr.PORT,
  Attr.LOCAL_PORT,
  Attr.ICMP_TYPE,
  Attr.ICMP_CODE,
  Attr.ICMP_ID,
]);

const isPort = (type: number) => type === Attr.PORT || type === Attr.LOCAL_PORT;

/** The protocols whose ports C compares. */
const COMPARED_PORTS = new Set<number>([
  Protocol.TCP,
  Protocol.UDP,
  Protocol.UDPLITE,
  Protocol.DCCP,
  Protocol.SCTP,
]);

/**
 * C hashes the zone and the ports of other protocols, but does not compare them: flows in one bucket that differ in
 * nothing else become one.
 */
function flowKey(record: Uint8Array): string {
  const protocolAt = findAttribute(record, 0, record.length, Attr.L4PROTO);
  const ports = COMPARED_PORTS.has(record[protocolAt + TLV_HEADER]!);
  return keyOf(record, (type) => FLOW_KEY.has(type) && (ports || !isPort(type)));
}

export const FLOWS: Kind = {
  format: FLOW_FORMAT,
  firstType: 0,
  timeout: Attr.TIMEOUT,
  key: flowKey,
  bucket: (record, buckets) =>
    bucketBy(
      record,
      buckets,
      { ipv4: Attr.IPV4, ipv6: Attr.IPV6, protocol: Attr.L4PROTO, port: Attr.PORT },
      true,
    ),
};

export const EXPECTATIONS: Kind = {
  format: EXPECTATION_FORMAT,
  firstType: 3,
  timeout: ExpAttr.TIMEOUT,
  key: (record) => keyOf(record, (type) => type <= ExpAttr.MASK_PORT),
  // All expectations of one master are in one bucket.
  bucket: (record, buckets) =>
    bucketBy(
      record,
      buckets,
      {
        ipv4: ExpAttr.MASTER_IPV4,
        ipv6: ExpAttr.MASTER_IPV6,
        protocol: ExpAttr.MASTER_L4PROTO,
        port: ExpAttr.MASTER_PORT,
      },
      false,
    ),
};
