import { readNativeI32 } from '../../bytes/endian.ts';
import { TLV_HEADER, tlvType, tlvWords } from '../../wire/attribute.ts';
import { EXPECTATION_ATTRIBUTES } from '../../wire/expectation-attributes.ts';
import { FLOW_ATTRIBUTES } from '../../wire/flow-attributes.ts';

/** Where the attributes of a record lie, of one record at a time. */
export class RecordIndex {
  /** By type, where the attribute's value begins; 0 (no value begins there) if it is not there. */
  readonly valueAt = new Int32Array(
    Math.max(FLOW_ATTRIBUTES.rows.length, EXPECTATION_ATTRIBUTES.rows.length),
  );
  /** The types that the record at hand has, to take them out again: most of `valueAt` is 0 as it was. */
  private readonly indexed = new Int32Array(this.valueAt.length);
  private count = 0;

  /** Indexes the canonical record `bytes[start, end)`, in the place of the one before. */
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
