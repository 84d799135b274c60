import { readNativeU16 } from '../bytes/endian.ts';
import { readU16, readU32 } from '../bytes/integers.ts';
import { type Family, formatAddress } from '../flow/address.ts';
import type { Expectation } from '../flow/expectation.ts';
import type { Flow, SequenceAdjustment } from '../flow/flow.ts';
import type { Icmp, Ports, Tuple } from '../flow/tuple.ts';
import { Attr, TLV_HEADER } from './attribute.ts';
import { ExpAttr } from './expectation-attribute.ts';
import { stringLength } from './record.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Collects the parts of a tuple until all of them are there. */
interface TupleParts {
  family?: Family;
  source?: string;
  destination?: string;
  protocol?: number;
  ports?: Ports;
  icmp?: Mutable<Partial<Icmp>>;
}

function setAddresses(parts: TupleParts, family: Family, bytes: Uint8Array, at: number): void {
  parts.family = family;
  parts.source = formatAddress(family, bytes, at);
  parts.destination = formatAddress(family, bytes, at + (family === 4 ? 4 : 16));
}

function setPorts(parts: TupleParts, bytes: Uint8Array, at: number): void {
  parts.ports = { source: readU16(bytes, at), destination: readU16(bytes, at + 2) };
}

function tupleOf(parts: TupleParts): Tuple {
  const tuple: Mutable<Tuple> = {
    family: parts.family ?? 4,
    source: parts.source ?? '0.0.0.0',
    destination: parts.destination ?? '0.0.0.0',
    protocol: parts.protocol ?? 0,
  };
  if (parts.ports) tuple.ports = parts.ports;
  if (parts.icmp) tuple.icmp = parts.icmp;
  return tuple;
}

/** Text of the NUL-terminated string of at most `size` bytes at `at`; one character a byte, so that no byte is lost. */
function textAt(bytes: Uint8Array, at: number, size: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + stringLength(bytes, at, size)));
}

function adjustmentAt(bytes: Uint8Array, at: number): SequenceAdjustment {
  return {
    position: readU32(bytes, at),
    offsetBefore: readU32(bytes, at + 4),
    offsetAfter: readU32(bytes, at + 8),
  };
}

/** Decodes the canonical record of a flow in `bytes[start, end)`, for people to read. */
export function decodeFlow(bytes: Uint8Array, start: number, end: number): Flow {
  const original: TupleParts = {};
  const master: TupleParts = {};
  const flow: Mutable<Partial<Flow>> = {};
  for (let at = start; at < end; ) {
    const length = readU16(bytes, at);
    const value = at + TLV_HEADER;
    switch (readU16(bytes, at + 2)) {
      case Attr.IPV4:
        setAddresses(original, 4, bytes, value);
        break;
      case Attr.IPV6:
        setAddresses(original, 6, bytes, value);
        break;
      case Attr.L4PROTO:
        original.protocol = bytes[value]!;
        break;
      case Attr.PORT:
      case Attr.LOCAL_PORT:
        setPorts(original, bytes, value);
        break;
      case Attr.ICMP_TYPE:
        original.icmp = { ...original.icmp, type: bytes[value]! };
        break;
      case Attr.ICMP_CODE:
        original.icmp = { ...original.icmp, code: bytes[value]! };
        break;
      case Attr.ICMP_ID:
        original.icmp = { ...original.icmp, id: readNativeU16(bytes, value) };
        break;
      case Attr.TCP_STATE:
        flow.tcp = { ...flow.tcp, state: bytes[value]! };
        break;
      case Attr.TCP_WSCALE_ORIG:
        flow.tcp = { ...flow.tcp, scaleOriginal: bytes[value]! };
        break;
      case Attr.TCP_WSCALE_REPL:
        flow.tcp = { ...flow.tcp, scaleReply: bytes[value]! };
        break;
      case Attr.SCTP_STATE:
        flow.sctp = { ...flow.sctp, state: bytes[value]! };
        break;
      case Attr.SCTP_VTAG_ORIG:
        flow.sctp = { ...flow.sctp, tagOriginal: readU32(bytes, value) };
        break;
      case Attr.SCTP_VTAG_REPL:
        flow.sctp = { ...flow.sctp, tagReply: readU32(bytes, value) };
        break;
      case Attr.DCCP_STATE:
        flow.dccp = { ...flow.dccp, state: bytes[value]! };
        break;
      case Attr.DCCP_ROLE:
        flow.dccp = { ...flow.dccp, role: bytes[value]! };
        break;
      case Attr.STATUS:
        flow.status = readU32(bytes, value);
        break;
      case Attr.TIMEOUT:
        flow.timeout = readU32(bytes, value);
        break;
      case Attr.MARK:
        flow.mark = readU32(bytes, value);
        break;
      case Attr.MASTER_IPV4:
        setAddresses(master, 4, bytes, value);
        break;
      case Attr.MASTER_IPV6:
        setAddresses(master, 6, bytes, value);
        break;
      case Attr.MASTER_L4PROTO:
        master.protocol = bytes[value]!;
        break;
      case Attr.MASTER_PORT:
        setPorts(master, bytes, value);
        break;
      case Attr.SNAT_IPV4:
        flow.sourceNat = { ...flow.sourceNat, address: formatAddress(4, bytes, value) };
        break;
      case Attr.SNAT_IPV6:
        flow.sourceNat = { ...flow.sourceNat, address: formatAddress(6, bytes, value) };
        break;
      case Attr.SPAT_PORT:
        flow.sourceNat = { ...flow.sourceNat, port: readNativeU16(bytes, value) };
        break;
      case Attr.DNAT_IPV4:
        flow.destinationNat = { ...flow.destinationNat, address: formatAddress(4, bytes, value) };
        break;
      case Attr.DNAT_IPV6:
        flow.destinationNat = { ...flow.destinationNat, address: formatAddress(6, bytes, value) };
        break;
      case Attr.DPAT_PORT:
        flow.destinationNat = { ...flow.destinationNat, port: readNativeU16(bytes, value) };
        break;
      case Attr.NAT_SEQ_ADJ:
        flow.sequenceAdjustment = {
          original: adjustmentAt(bytes, value),
          reply: adjustmentAt(bytes, value + 12),
        };
        break;
      case Attr.HELPER_NAME:
        flow.helper = textAt(bytes, value, length - TLV_HEADER);
        break;
      case Attr.LABELS:
        flow.labels = Array.from({ length: (length - TLV_HEADER) >> 2 }, (_, word) =>
          readU32(bytes, value + 4 * word),
        );
        break;
      case Attr.SYNPROXY:
        flow.synproxy = {
          its: readU32(bytes, value),
          isn: readU32(bytes, value + 4),
          tsoff: readU32(bytes, value + 8),
        };
        break;
      case Attr.LOCAL_ID:
        flow.id = readU32(bytes, value);
        break;
      case Attr.ZONE:
        flow.zone = readU16(bytes, value);
        break;
    }
    at += (length + 3) & ~3;
  }
  if (master.family !== undefined || master.protocol !== undefined || master.ports)
    flow.master = tupleOf(master);
  // A copy by spreading would cost more than all of the above, and slow every later read.
  flow.original = tupleOf(original);
  return flow as Flow;
}

/** Decodes the canonical record of an expectation in `bytes[start, end)`, for people to read. */
export function decodeExpectation(bytes: Uint8Array, start: number, end: number): Expectation {
  const tuples: readonly TupleParts[] = [{}, {}, {}];
  const nat: TupleParts = {};
  const expectation: Mutable<Partial<Expectation>> = {};
  let direction: number | undefined;
  for (let at = start; at < end; ) {
    const length = readU16(bytes, at);
    const type = readU16(bytes, at + 2);
    const value = at + TLV_HEADER;
    switch (type) {
      case ExpAttr.TIMEOUT:
        expectation.timeout = readU32(bytes, value);
        break;
      case ExpAttr.FLAGS:
        expectation.flags = readU32(bytes, value);
        break;
      case ExpAttr.CLASS:
        expectation.class = readU32(bytes, value);
        break;
      case ExpAttr.NAT_IPV4:
        setAddresses(nat, 4, bytes, value);
        break;
      case ExpAttr.NAT_PORT:
        setPorts(nat, bytes, value);
        break;
      case ExpAttr.NAT_L4PROTO:
        nat.protocol = bytes[value]!;
        break;
      case ExpAttr.NAT_DIR:
        direction = readU32(bytes, value);
        break;
      case ExpAttr.HELPER_NAME:
        expectation.helper = textAt(bytes, value, length - TLV_HEADER);
        break;
      case ExpAttr.FN:
        expectation.function = textAt(bytes, value, length - TLV_HEADER);
        break;
      default: {
        // Types 0 to 11: address (v4, v6), protocol and ports of master, expected and mask in turn.
        const tuple = tuples[type >> 2]!;
        if ((type & 3) === 0) setAddresses(tuple, 4, bytes, value);
        else if ((type & 3) === 1) setAddresses(tuple, 6, bytes, value);
        else if ((type & 3) === 2) tuple.protocol = bytes[value]!;
        else setPorts(tuple, bytes, value);
      }
    }
    at += (length + 3) & ~3;
  }
  const [master, expected, mask] = tuples as readonly [TupleParts, TupleParts, TupleParts];
  if (mask.family !== undefined || mask.protocol !== undefined) expectation.mask = tupleOf(mask);
  if (nat.family !== undefined || nat.protocol !== undefined || nat.ports || direction !== undefined) {
    // An IPv6 address has no attribute: the C node sends the rest of the tuple without one.
    if (nat.family === undefined) {
      nat.family = 6;
      nat.source = '::';
      nat.destination = '::';
    }
    expectation.nat = direction === undefined ? { tuple: tupleOf(nat) } : { tuple: tupleOf(nat), direction };
  }
  expectation.master = tupleOf(master);
  expectation.expected = tupleOf(expected);
  return expectation as Expectation;
}
