import { readNativeI32 } from '../../bytes/endian.ts';
import { TLV_HEADER, tlvType, tlvWords } from '../../wire/attribute.ts';
import { EXPECTATION_ATTRIBUTES } from '../../wire/expectation-attributes.ts';
import { FLOW_ATTRIBUTES } from '../../wire/flow-attributes.ts';

/** Locates the attributes of a record, one record at a time. */
export class RecordIndex {
  /** By type, the offset of the attribute's value; 0 (no value can start there) if the record lacks it. */
  readonly valueAt = new Int32Array(
    Math.max(FLOW_ATTRIBUTES.rows.length, EXPECTATION_ATTRIBUTES.rows.length),
  );
  /** Types in the current record, so that the next `take` resets only those entries of `valueAt`. */
  private readonly indexed = new Int32Array(this.valueAt.length);
  private count = 0;

  /** Indexes the canonical record `bytes[start, end)`, replacing the previous one. */
  take(bytes: Uint8Array, start: number, end: number): void {
    const { valueAt, indexed } = this;
    for (let n = 0; n < this.count; n++) valueAt[indexed[n]!] = 0;
    let count = 0;
    for (let at = start; at < end; ) {
      const header = readNativeI32(bytes, at);
      const type = tlvType(header);
      valueAt[type] = at + TLV_HEADER;
      indexed[count++] = type;
      at += 4 * tlvWords(header);
    }
    this.count = count;
  }
}
