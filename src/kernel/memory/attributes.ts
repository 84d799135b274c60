import { readI32, readU16 } from '../../bytes/integers.ts';
import { TLV_HEADER } from '../../wire/attribute.ts';
import { FLOW_ATTRIBUTES } from '../../wire/flow-attributes.ts';

/** Number of attribute types of a flow record, local ones included. */
const TYPES = FLOW_ATTRIBUTES.rows.length;

/** Locates the attributes of a flow record, so that they can be read in any order. */
export class Attributes {
  bytes: Uint8Array = new Uint8Array(0);
  /** Offset of each type's value; 0 if the record lacks it. */
  private readonly values = new Int32Array(TYPES);

  /** Indexes the canonical record `bytes[start, end)`, which must not change while this index is in use. */
  load(bytes: Uint8Array, start: number, end: number): void {
    const { values } = this;
    // A loop, because `fill` leaves compiled code and takes longer for so few elements.
    for (let type = 0; type < TYPES; type++) values[type] = 0;
    this.bytes = bytes;
    for (let at = start; at < end; at += (readU16(bytes, at) + 3) & ~3) {
      values[readU16(bytes, at + 2)] = at + TLV_HEADER;
    }
  }

  has(type: number): boolean {
    return this.values[type] !== 0;
  }

  /** Offset of the value in `bytes`; 0 if the record lacks it. */
  at(type: number): number {
    return this.values[type]!;
  }

  /** Size in bytes of a value that the record has. */
  sizeOf(type: number): number {
    return readU16(this.bytes, this.values[type]! - TLV_HEADER) - TLV_HEADER;
  }

  /** The value; 0 if the record lacks it. */
  u8(type: number): number {
    const at = this.values[type]!;
    return at === 0 ? 0 : this.bytes[at]!;
  }

  u16(type: number): number {
    const at = this.values[type]!;
    return at === 0 ? 0 : readU16(this.bytes, at);
  }

  /** Signed, for callers that only compare or mask bits. */
  i32(type: number): number {
    const at = this.values[type]!;
    return at === 0 ? 0 : readI32(this.bytes, at);
  }
}
