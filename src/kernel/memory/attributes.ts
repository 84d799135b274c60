import { readI32, readU16 } from '../../bytes/integers.ts';
import { TLV_HEADER } from '../../wire/attribute.ts';
import { FLOW_ATTRIBUTES } from '../../wire/flow-attributes.ts';

/** Types of a flow's record: those of the wire, and the local ones. */
const TYPES = FLOW_ATTRIBUTES.rows.length;

/** Where each attribute of a flow's record lies, so that they can be read in any order. */
export class Attributes {
  bytes: Uint8Array = new Uint8Array(0);
  /** Offset of each type's value; 0 if it is not there. */
  private readonly values = new Int32Array(TYPES);

  /** Takes the canonical record `bytes[start, end)`, which must stay as it is while this is read. */
  load(bytes: Uint8Array, start: number, end: number): void {
    const { values } = this;
    // A loop: `fill` is a call out of compiled code, and takes longer for so few.
    for (let type = 0; type < TYPES; type++) values[type] = 0;
    this.bytes = bytes;
    for (let at = start; at < end; at += (readU16(bytes, at) + 3) & ~3) {
      values[readU16(bytes, at + 2)] = at + TLV_HEADER;
    }
  }

  has(type: number): boolean {
    return this.values[type] !== 0;
  }

  /** Offset of the value in `bytes`; 0 if it is not there. */
  at(type: number): number {
    return this.values[type]!;
  }

  /** Bytes of a value that is there. */
  sizeOf(type: number): number {
    return readU16(this.bytes, this.values[type]! - TLV_HEADER) - TLV_HEADER;
  }

  /** The value, 0 if it is not there. */
  u8(type: number): number {
    const at = this.values[type]!;
    return at === 0 ? 0 : this.bytes[at]!;
  }

  u16(type: number): number {
    const at = this.values[type]!;
    return at === 0 ? 0 : readU16(this.bytes, at);
  }

  /** Signed: only the bits count. */
  i32(type: number): number {
    const at = this.values[type]!;
    return at === 0 ? 0 : readI32(this.bytes, at);
  }
}
