import { LITTLE_ENDIAN } from '../../src/bytes/endian.ts';
import { readU16 } from '../../src/bytes/integers.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Attr, TLV_HEADER } from '../../src/wire/attribute.ts';
import { findAttribute } from '../../src/wire/record.ts';

/**
 * How conntrackd 1.4.5 and 1.4.6 write and read messages about flows, where that differs from 1.4.7: they pass translated IPv4
 * addresses through htonl and ntohl though those are in network byte order already (upstream's b55717d), write the ports of TCP,
 * SCTP and DCCP only beside a state (d51d6dd), and do not know ZONE (a08af5d).
 */

/** The attributes of a canonical record as the old program sends them. */
export function toOldWire(record: Uint8Array): Uint8Array {
  const hasState = [Attr.TCP_STATE, Attr.SCTP_STATE, Attr.DCCP_STATE].some((type) => has(record, type));
  const protocolAt = findAttribute(record, 0, record.length, Attr.L4PROTO);
  const protocol = record[protocolAt + TLV_HEADER]!;
  const losesPorts =
    !hasState && (protocol === Protocol.TCP || protocol === Protocol.SCTP || protocol === Protocol.DCCP);
  const kept: number[] = [];
  for (let at = 0; at < record.length; ) {
    const type = readU16(record, at + 2);
    const size = (readU16(record, at) + 3) & ~3;
    if (type !== Attr.ZONE && !(losesPorts && type === Attr.PORT))
      kept.push(...record.subarray(at, at + size));
    at += size;
  }
  return reversed(Uint8Array.from(kept));
}

/** What the old program makes of the attributes of a canonical record; undefined: a malformed payload. */
export function fromOldWire(record: Uint8Array): Uint8Array | undefined {
  return has(record, Attr.ZONE) ? undefined : reversed(record.slice());
}

function has(record: Uint8Array, type: number): boolean {
  return findAttribute(record, 0, record.length, type) >= 0;
}

function reversed(record: Uint8Array): Uint8Array {
  if (!LITTLE_ENDIAN) return record;
  for (const type of [Attr.SNAT_IPV4, Attr.DNAT_IPV4]) {
    const at = findAttribute(record, 0, record.length, type);
    if (at >= 0) record.subarray(at + TLV_HEADER, at + TLV_HEADER + 4).reverse();
  }
  return record;
}
