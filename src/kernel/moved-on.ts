import { Status } from '../flow/status.ts';
import { Attr, RANK, TLV_HEADER, WIRE_ATTRIBUTES } from '../wire/attribute.ts';
import { readU16, readU32 } from '../wire/bytes.ts';

/** What packets, and rules that they meet, change of a flow that is there, by type; its time left apart. */
const CHANGES = new Uint8Array(WIRE_ATTRIBUTES + 2);
for (const type of [
  Attr.STATUS,
  Attr.TCP_STATE,
  Attr.SCTP_STATE,
  Attr.DCCP_STATE,
  Attr.MARK,
  Attr.NAT_SEQ_ADJ,
  Attr.LABELS,
]) {
  CHANGES[type] = 1;
}

/** The status bits that packets change. The rest says how the flow came to be. */
const CHANGING = Status.SEEN_REPLY | Status.ASSURED;

/** Rank of what is behind a record's end. */
const NONE = 0xff;

/**
 * True if the flow has had packets that changed it since it was committed: its record in the kernel, `now[nowStart, nowEnd)`,
 * differs in what packets change from the one that was committed, `then[thenStart, thenEnd)`. Both are canonical.
 */
export function hasMovedOn(
  then: Uint8Array,
  thenStart: number,
  thenEnd: number,
  now: Uint8Array,
  nowStart: number,
  nowEnd: number,
): boolean {
  let was = thenStart;
  let is = nowStart;
  while (was < thenEnd || is < nowEnd) {
    const wasType = was < thenEnd ? readU16(then, was + 2) : -1;
    const isType = is < nowEnd ? readU16(now, is + 2) : -1;
    const wasRank = wasType < 0 ? NONE : RANK[wasType]!;
    const isRank = isType < 0 ? NONE : RANK[isType]!;
    if (wasRank < isRank) {
      if (CHANGES[wasType] !== 0 && !isZero(then, was)) return true;
    } else if (wasRank > isRank) {
      if (CHANGES[isType] !== 0 && !isZero(now, is)) return true;
    } else if (CHANGES[isType] !== 0 && differs(isType, then, was, now, is)) {
      return true;
    }
    if (wasRank <= isRank) was += (readU16(then, was) + 3) & ~3;
    if (isRank <= wasRank) is += (readU16(now, is) + 3) & ~3;
  }
  return false;
}

/** A mark or a label that is not there is the same as none. */
function isZero(bytes: Uint8Array, at: number): boolean {
  const length = readU16(bytes, at);
  for (let n = TLV_HEADER; n < length; n++) if (bytes[at + n] !== 0) return false;
  return true;
}

function differs(type: number, one: Uint8Array, at: number, other: Uint8Array, otherAt: number): boolean {
  const value = at + TLV_HEADER;
  const otherValue = otherAt + TLV_HEADER;
  if (type === Attr.STATUS) return ((readU32(one, value) ^ readU32(other, otherValue)) & CHANGING) !== 0;
  const length = readU16(one, at);
  if (length !== readU16(other, otherAt)) return true;
  for (let n = TLV_HEADER; n < length; n++) if (one[at + n] !== other[otherAt + n]) return true;
  return false;
}
