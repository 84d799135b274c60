import { writeNativeU16 } from '../bytes/endian.ts';
import { writeU16, writeU32 } from '../bytes/integers.ts';
import { addressSize, type Family } from '../flow/address.ts';
import type { Expectation } from '../flow/expectation.ts';
import type { Flow, SequenceAdjustment } from '../flow/flow.ts';
import { parseAddress } from '../flow/parse-address.ts';
import { sendsPorts } from '../flow/protocol.ts';
import type { Tuple } from '../flow/tuple.ts';
import { Attr, HELPER_NAME_MAX, LABELS_VALUE_MAX, RECORD_MAX } from './attribute.ts';
import { ExpAttr, FN_NAME_MAX } from './expectation-attribute.ts';
import { canonicalise, EXPECTATION_FORMAT, FLOW_FORMAT, putAttribute, type RecordFormat } from './record.ts';

/** A cursor that appends TLVs in any order; `finish` brings them into canonical order. */
class RecordWriter {
  private readonly bytes = new Uint8Array(2 * RECORD_MAX);
  private readonly scratch = new Uint8Array(LABELS_VALUE_MAX);
  private end = 0;

  raw(type: number, value: Uint8Array): void {
    this.end = putAttribute(this.bytes, this.end, type, value, 0, value.length);
  }

  u8(type: number, value: number | undefined): void {
    if (value !== undefined) this.raw(type, Uint8Array.of(inRange(value, 0xff)));
  }

  u16(type: number, ...values: readonly number[]): void {
    values.forEach((value, n) => {
      writeU16(this.scratch, 2 * n, inRange(value, 0xffff));
    });
    this.raw(type, this.scratch.subarray(0, 2 * values.length));
  }

  nativeU16(type: number, value: number): void {
    writeNativeU16(this.scratch, 0, inRange(value, 0xffff));
    this.raw(type, this.scratch.subarray(0, 2));
  }

  u32(type: number, ...values: readonly number[]): void {
    values.forEach((value, n) => {
      writeU32(this.scratch, 4 * n, inRange(value, 0xffff_ffff));
    });
    this.raw(type, this.scratch.subarray(0, 4 * values.length));
  }

  text(type: number, value: string | undefined, max: number): void {
    if (value === undefined) return;
    if (value.length > max) throw new RangeError(`name \`${value}' is longer than ${max} bytes`);
    const bytes = Uint8Array.from(value, (character) => inRange(character.charCodeAt(0), 0xff));
    if (bytes.includes(0)) throw new RangeError(`name \`${value}' holds a NUL`);
    this.raw(type, concat(bytes, Uint8Array.of(0)));
  }

  /** Source and destination; `v4` and `v6` are the types for either family. */
  addresses(v4: number, v6: number, tuple: Tuple): void {
    this.raw(
      tuple.family === 4 ? v4 : v6,
      concat(addressOf(tuple.family, tuple.source), addressOf(tuple.family, tuple.destination)),
    );
  }

  ports(type: number, tuple: Tuple): void {
    if (tuple.ports) this.u16(type, tuple.ports.source, tuple.ports.destination);
  }

  finish(format: RecordFormat): Uint8Array {
    const record = new Uint8Array(this.end);
    const size = canonicalise(format, this.bytes, 0, this.end, record, 0);
    return record.subarray(0, size);
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function addressOf(family: Family, text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes.length !== addressSize(family)) throw new RangeError(`\`${text}' is no IPv${family} address`);
  return bytes;
}

function inRange(value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${value} is not a whole number from 0 to ${max}`);
  }
  return value;
}

function adjustmentWords(adjustment: SequenceAdjustment): [number, number, number] {
  return [adjustment.position, adjustment.offsetBefore, adjustment.offsetAfter];
}

/**
 * Encodes a flow as its canonical record. Ports of protocols whose ports do not travel are left out.
 * @throws RangeError for a value that its field cannot hold.
 */
export function encodeFlow(flow: Flow): Uint8Array {
  const { original, master, sourceNat, destinationNat } = flow;
  const to = new RecordWriter();
  to.addresses(Attr.IPV4, Attr.IPV6, original);
  if (flow.status !== undefined) to.u32(Attr.STATUS, flow.status);
  to.u8(Attr.L4PROTO, original.protocol);
  if (sendsPorts(original.protocol)) to.ports(Attr.PORT, original);
  to.u8(Attr.TCP_STATE, flow.tcp?.state);
  to.u8(Attr.TCP_WSCALE_ORIG, flow.tcp?.scaleOriginal);
  to.u8(Attr.TCP_WSCALE_REPL, flow.tcp?.scaleReply);
  to.u8(Attr.SCTP_STATE, flow.sctp?.state);
  if (flow.sctp?.tagOriginal !== undefined) to.u32(Attr.SCTP_VTAG_ORIG, flow.sctp.tagOriginal);
  if (flow.sctp?.tagReply !== undefined) to.u32(Attr.SCTP_VTAG_REPL, flow.sctp.tagReply);
  to.u8(Attr.DCCP_STATE, flow.dccp?.state);
  to.u8(Attr.DCCP_ROLE, flow.dccp?.role);
  to.u8(Attr.ICMP_TYPE, original.icmp?.type);
  to.u8(Attr.ICMP_CODE, original.icmp?.code);
  if (original.icmp?.id !== undefined) to.nativeU16(Attr.ICMP_ID, original.icmp.id);
  if (flow.timeout !== undefined) to.u32(Attr.TIMEOUT, flow.timeout);
  if (flow.mark !== undefined) to.u32(Attr.MARK, flow.mark);
  if (master) {
    to.addresses(Attr.MASTER_IPV4, Attr.MASTER_IPV6, master);
    to.u8(Attr.MASTER_L4PROTO, master.protocol);
    to.ports(Attr.MASTER_PORT, master);
  }
  if (sourceNat?.address !== undefined) {
    to.raw(
      original.family === 4 ? Attr.SNAT_IPV4 : Attr.SNAT_IPV6,
      addressOf(original.family, sourceNat.address),
    );
  }
  if (destinationNat?.address !== undefined) {
    to.raw(
      original.family === 4 ? Attr.DNAT_IPV4 : Attr.DNAT_IPV6,
      addressOf(original.family, destinationNat.address),
    );
  }
  if (sourceNat?.port !== undefined) to.nativeU16(Attr.SPAT_PORT, sourceNat.port);
  if (destinationNat?.port !== undefined) to.nativeU16(Attr.DPAT_PORT, destinationNat.port);
  if (flow.sequenceAdjustment) {
    const { original: forth, reply: back } = flow.sequenceAdjustment;
    to.u32(Attr.NAT_SEQ_ADJ, ...adjustmentWords(forth), ...adjustmentWords(back));
  }
  to.text(Attr.HELPER_NAME, flow.helper, HELPER_NAME_MAX);
  if (flow.labels) {
    if (4 * flow.labels.length > LABELS_VALUE_MAX)
      throw new RangeError(`${flow.labels.length} label words are too many`);
    to.u32(Attr.LABELS, ...flow.labels);
  }
  if (flow.synproxy) to.u32(Attr.SYNPROXY, flow.synproxy.its, flow.synproxy.isn, flow.synproxy.tsoff);
  if (flow.zone !== undefined) to.u16(Attr.ZONE, flow.zone);
  return to.finish(FLOW_FORMAT);
}

/**
 * Encodes an expectation as its canonical record.
 * @throws RangeError for a value that its field cannot hold.
 */
export function encodeExpectation(expectation: Expectation): Uint8Array {
  const to = new RecordWriter();
  const tuples = [expectation.master, expectation.expected, expectation.mask];
  tuples.forEach((tuple, n) => {
    if (!tuple) return;
    const first = 4 * n;
    to.addresses(first + ExpAttr.MASTER_IPV4, first + ExpAttr.MASTER_IPV6, tuple);
    to.u8(first + ExpAttr.MASTER_L4PROTO, tuple.protocol);
    to.ports(first + ExpAttr.MASTER_PORT, tuple);
  });
  if (expectation.timeout !== undefined) to.u32(ExpAttr.TIMEOUT, expectation.timeout);
  if (expectation.flags !== undefined) to.u32(ExpAttr.FLAGS, expectation.flags);
  if (expectation.class !== undefined) to.u32(ExpAttr.CLASS, expectation.class);
  if (expectation.nat) {
    const { tuple, direction } = expectation.nat;
    // There is no attribute for an IPv6 address here: the C node sends none.
    if (tuple.family === 4) to.addresses(ExpAttr.NAT_IPV4, ExpAttr.NAT_IPV4, tuple);
    to.u8(ExpAttr.NAT_L4PROTO, tuple.protocol);
    to.ports(ExpAttr.NAT_PORT, tuple);
    if (direction !== undefined) to.u32(ExpAttr.NAT_DIR, direction);
  }
  to.text(ExpAttr.HELPER_NAME, expectation.helper, HELPER_NAME_MAX);
  to.text(ExpAttr.FN, expectation.function, FN_NAME_MAX);
  return to.finish(EXPECTATION_FORMAT);
}
