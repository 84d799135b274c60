/**
 * Records: a flow or an expectation as the sequence of its attributes on the wire.
 *
 * A record is *canonical* if it has every attribute at most once, in the C node's sending order, padded with
 * zeros. The program stores, resends and compares only canonical records, so that sending is a copy, and
 * equal flows are equal bytes. It converts a message in any other form (no known sender makes one) when it
 * receives it.
 */

import { readU16 } from '../bytes/integers.ts';
import { Attr, TLV_HEADER } from './attribute.ts';
import type { AttributeTable } from './attribute-table.ts';
import { EXPECTATION_ATTRIBUTES, ExpAttr } from './expectation-attributes.ts';
import { FLOW_ATTRIBUTES } from './flow-attributes.ts';
import { putAttribute, stringLength } from './tlv.ts';

/** What a record of one kind may contain. */
export interface RecordFormat {
  /** Types 0 to `types - 1` may come from the wire. */
  readonly types: number;
  /** Value size in bytes by type; -1 if it varies. */
  readonly valueSize: Int16Array;
  /** Position in sending order by type. */
  readonly rank: Uint8Array;
  readonly ranks: number;
  /** Maximum size in bytes of the whole TLV where it varies, by type. */
  readonly tlvMax: Int16Array;
  /** The type whose value is a bit mask in words, or -1. All other variable types are strings. */
  readonly bitmask: number;
  /** Mask of the ranks that a record must have. */
  readonly required: number;
  /** The type of the attribute that says how long the entry has left, in seconds: it changes without an event. */
  readonly timeout: number;
}

/** Derives from a table what the check of a record needs. */
function formatOf<Source, Parts>(table: AttributeTable<Source, Parts>, timeout: number): RecordFormat {
  const { wireTypes: types, valueSize, rank, ranks, rows } = table;
  let required = 0;
  for (const row of rows) if (row.required) required |= 1 << rank[row.type]!;
  return {
    types,
    valueSize,
    rank,
    ranks,
    tlvMax: Int16Array.from(rows, ({ kind }) => kind.tlvMax),
    bitmask: rows.findIndex(({ kind }) => kind.variable === 'bitmask'),
    required,
    timeout,
  };
}

export const FLOW_FORMAT: RecordFormat = formatOf(FLOW_ATTRIBUTES, Attr.TIMEOUT);
export const EXPECTATION_FORMAT: RecordFormat = formatOf(EXPECTATION_ATTRIBUTES, ExpAttr.TIMEOUT);

export const Form = {
  /** Not a record: the message is malformed. */
  MALFORMED: 0,
  CANONICAL: 1,
  /** A record that is valid but not canonical. */
  LOOSE: 2,
} as const;
export type Form = (typeof Form)[keyof typeof Form];

/**
 * Checks the attributes in `bytes[start, end)`. As strict as the C node where that is strict (lengths,
 * types, fixed sizes), and safe where the C node trusts its peer: a string without a NUL is malformed, and
 * so is a record that lacks part of its key (the C node stores such a flow under an unknown protocol).
 * Ignores up to 4 bytes after the last attribute, as the C parser does.
 */
export function checkRecord(format: RecordFormat, bytes: Uint8Array, start: number, end: number): Form {
  const { types, valueSize, rank } = format;
  let at = start;
  let last = -1;
  let seen = 0;
  let form: Form = Form.CANONICAL;
  while (end - at > TLV_HEADER) {
    const length = readU16(bytes, at);
    const type = readU16(bytes, at + 2);
    if (length < TLV_HEADER || length > end - at || type >= types) return Form.MALFORMED;
    const size = valueSize[type]!;
    if (size >= 0) {
      if (length !== size + TLV_HEADER) return Form.MALFORMED;
    } else {
      const variable = checkVariable(format, type, bytes, at + TLV_HEADER, length);
      if (variable === Form.MALFORMED) return Form.MALFORMED;
      if (variable === Form.LOOSE) form = Form.LOOSE;
    }
    const here = rank[type]!;
    if (here <= last) form = Form.LOOSE;
    last = here;
    seen |= 1 << here;
    const after = at + ((length + 3) & ~3);
    if (after > end) form = Form.LOOSE;
    else for (let pad = at + length; pad < after; pad++) if (bytes[pad] !== 0) form = Form.LOOSE;
    at = after;
  }
  if ((seen & format.required) !== format.required) return Form.MALFORMED;
  return at === end ? form : Form.LOOSE;
}

function checkVariable(
  format: RecordFormat,
  type: number,
  bytes: Uint8Array,
  value: number,
  length: number,
): Form {
  if (length > format.tlvMax[type]!) return Form.MALFORMED;
  const size = length - TLV_HEADER;
  if (type === format.bitmask) return size === 0 || size % 4 !== 0 ? Form.LOOSE : Form.CANONICAL;
  const nul = stringLength(bytes, value, size);
  if (nul === size) return Form.MALFORMED;
  return nul === size - 1 ? Form.CANONICAL : Form.LOOSE;
}

/**
 * Scratch memory of {@link canonicalise}: the offset of each rank's attribute, and how many bytes of its
 * value count.
 */
const foundAt = new Int32Array(FLOW_FORMAT.ranks);
const foundSize = new Int32Array(FLOW_FORMAT.ranks);

/**
 * Writes the canonical form of the checked attributes in `bytes[start, end)` to `out` at `at` and returns
 * its size in bytes. If an attribute is repeated the last one counts, as with the C node's setters. A bit
 * mask that is not a whole number of words is left out, as in the C node.
 */
export function canonicalise(
  format: RecordFormat,
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  foundAt.fill(-1);
  for (let from = start; end - from > TLV_HEADER; ) {
    const length = readU16(bytes, from);
    const type = readU16(bytes, from + 2);
    const size = canonicalSize(format, type, bytes, from + TLV_HEADER, length - TLV_HEADER);
    if (size >= 0) {
      const rank = format.rank[type]!;
      foundAt[rank] = from;
      foundSize[rank] = size;
    }
    from += (length + 3) & ~3;
  }
  let to = at;
  for (let rank = 0; rank < format.ranks; rank++) {
    const from = foundAt[rank]!;
    if (from >= 0)
      to = putAttribute(out, to, readU16(bytes, from + 2), bytes, from + TLV_HEADER, foundSize[rank]!);
  }
  return to - at;
}

function canonicalSize(
  format: RecordFormat,
  type: number,
  bytes: Uint8Array,
  value: number,
  size: number,
): number {
  if (format.valueSize[type]! >= 0) return size;
  if (type === format.bitmask) return size === 0 || size % 4 !== 0 ? -1 : size;
  return stringLength(bytes, value, size) + 1;
}

/**
 * Merges two canonical records: the attributes of `update` replace those of `known`, and the others of
 * `known` stay. Writes to `out` at `at`, which must not overlap either record, and returns the size of the
 * result in bytes.
 */
export function mergeRecords(
  format: RecordFormat,
  known: Uint8Array,
  knownAt: number,
  knownEnd: number,
  update: Uint8Array,
  updateAt: number,
  updateEnd: number,
  out: Uint8Array,
  at: number,
): number {
  const { rank } = format;
  let old = knownAt;
  let fresh = updateAt;
  let to = at;
  while (old < knownEnd || fresh < updateEnd) {
    const oldRank = old < knownEnd ? rank[readU16(known, old + 2)]! : 0xff;
    const freshRank = fresh < updateEnd ? rank[readU16(update, fresh + 2)]! : 0xff;
    if (freshRank <= oldRank) {
      const size = (readU16(update, fresh) + 3) & ~3;
      for (let n = 0; n < size; n++) out[to++] = update[fresh + n]!;
      fresh += size;
      if (freshRank === oldRank) old += (readU16(known, old) + 3) & ~3;
    } else {
      const size = (readU16(known, old) + 3) & ~3;
      for (let n = 0; n < size; n++) out[to++] = known[old + n]!;
      old += size;
    }
  }
  return to - at;
}

/** Offset of the TLV of `type` in the canonical record `bytes[start, end)`, or -1. */
export function findAttribute(bytes: Uint8Array, start: number, end: number, type: number): number {
  for (let at = start; at < end; at += (readU16(bytes, at) + 3) & ~3) {
    if (readU16(bytes, at + 2) === type) return at;
  }
  return -1;
}

/** Size in bytes of either local attribute's TLV. */
const LOCAL_SIZE = TLV_HEADER + 4;

/**
 * Size of the part of a canonical record that goes on the wire: everything but this program's local
 * attributes.
 */
export function wireSize(bytes: Uint8Array, start: number, end: number): number {
  // Local attributes come last. If these bytes only look like one, the full walk below finds that out.
  const last = end - LOCAL_SIZE;
  if (last < start || readU16(bytes, last) !== LOCAL_SIZE || readU16(bytes, last + 2) < FLOW_FORMAT.types) {
    return end - start;
  }
  let at = start;
  while (at < end && readU16(bytes, at + 2) < FLOW_FORMAT.types) at += (readU16(bytes, at) + 3) & ~3;
  return at - start;
}
