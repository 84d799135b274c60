/** Builds one canonical record at a time from the values of a netlink message. */

import { LITTLE_ENDIAN, networkWord, readNativeU32 } from '../../bytes/endian.ts';
import { writeU16, writeU32 } from '../../bytes/integers.ts';
import { alignedWordsOf } from '../../bytes/words.ts';
import { RECORD_MAX, TLV_HEADER, tlvHeader } from '../../wire/attribute.ts';
import { stringLength } from '../../wire/tlv.ts';
import { portAt, type TupleOffsets } from './tuple-reader.ts';

/** The word that holds a padded 8-bit value. */
function word8(value: number): number {
  return LITTLE_ENDIAN ? value : value << 24;
}

/** The word that holds a padded 16-bit value in network byte order. */
function word16(value: number): number {
  return LITTLE_ENDIAN ? ((value & 0xff) << 8) | (value >>> 8) : value << 16;
}

/**
 * Builds a record from a message. Both align everything to 4 bytes, so this class reads and writes whole
 * words. It is a base class because its methods are the transcoders' hot path, and a call through a field
 * costs more.
 */
export class RecordWriter {
  /** The last message's record; valid until the next message. */
  readonly record = new Uint8Array(new ArrayBuffer(RECORD_MAX));
  protected readonly out = alignedWordsOf(this.record);
  /** The memory that holds the last message, and the same memory as words. */
  private bytes: Uint8Array = new Uint8Array(0);
  protected words: Int32Array = new Int32Array(0);
  /** Current size of the record in bytes. */
  protected end = 0;

  /** @throws RangeError if the message does not start at a multiple of 4 bytes, as netlink messages do */
  protected begin(bytes: Uint8Array, start: number): void {
    if ((start & 3) !== 0) throw new RangeError(`a message at ${start}, not a multiple of 4`);
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.words = alignedWordsOf(bytes);
    }
    this.end = 0;
  }

  protected word(type: number, size: number, value: number): void {
    const { out, end } = this;
    out[end >> 2] = tlvHeader(type, size);
    out[(end >> 2) + 1] = value;
    this.end = end + 8;
  }

  protected u8(type: number, value: number): void {
    this.word(type, 1, word8(value));
  }

  protected u16(type: number, value: number): void {
    this.word(type, 2, word16(value));
  }

  protected u32(type: number, value: number): void {
    this.word(type, 4, networkWord(value));
  }

  /**
   * Writes the port or ICMP id at offset `at` of the message (0: none) in the C node's byte order. The C
   * node applies htons to a value that is already in network byte order, so a little-endian machine sends
   * the low byte first.
   */
  protected swappedU16(type: number, bytes: Uint8Array, at: number): void {
    const value = portAt(bytes, at);
    this.word(type, 2, LITTLE_ENDIAN ? value : value << 16);
  }

  /** Copies `size` bytes of the message, a multiple of 4, unchanged. */
  protected copy(type: number, at: number, size: number): void {
    const { out, words } = this;
    let to = this.end >> 2;
    out[to++] = tlvHeader(type, size);
    for (let from = at >> 2; from < (at + size) >> 2; from++) out[to++] = words[from]!;
    this.end = to << 2;
  }

  /** Writes two addresses under one header. */
  protected pair(type: number, one: number, other: number, size: number): void {
    const { out, words } = this;
    let to = this.end >> 2;
    out[to++] = tlvHeader(type, 2 * size);
    for (let from = one >> 2; from < (one + size) >> 2; from++) out[to++] = words[from]!;
    for (let from = other >> 2; from < (other + size) >> 2; from++) out[to++] = words[from]!;
    this.end = to << 2;
  }

  /** Writes the tuple's addresses; false if it has none. */
  protected addresses(v4: number, v6: number, tuple: TupleOffsets): boolean {
    if (tuple.source4 !== 0 && tuple.destination4 !== 0) {
      this.pair(v4, tuple.source4, tuple.destination4, 4);
    } else if (tuple.source6 !== 0 && tuple.destination6 !== 0) {
      this.pair(v6, tuple.source6, tuple.destination6, 16);
    } else {
      return false;
    }
    return true;
  }

  protected ports(type: number, bytes: Uint8Array, tuple: TupleOffsets): void {
    if (tuple.sourcePort === 0 || tuple.destinationPort === 0) return;
    const ports = (portAt(bytes, tuple.sourcePort) << 16) | portAt(bytes, tuple.destinationPort);
    this.word(type, 4, networkWord(ports));
  }

  /** Copies the 32-bit numbers at these offsets of the message, multiples of 4, under one header. */
  protected numbers(type: number, places: readonly number[]): void {
    const { out, words } = this;
    let to = this.end >> 2;
    out[to++] = tlvHeader(type, 4 * places.length);
    for (const at of places) out[to++] = words[at >> 2]!;
    this.end = to << 2;
  }

  /** Writes `size` bytes of 32-bit words that the kernel has in its own byte order. */
  protected nativeWords(type: number, bytes: Uint8Array, at: number, size: number): void {
    const { record, end } = this;
    writeU16(record, end, TLV_HEADER + size);
    writeU16(record, end + 2, type);
    for (let n = 0; n < size; n += 4) writeU32(record, end + TLV_HEADER + n, readNativeU32(bytes, at + n));
    this.end = end + TLV_HEADER + size;
  }

  /**
   * Writes a string of at most `max` bytes. Writes nothing if it is longer, because the C receiver would
   * reject the whole message.
   */
  protected name(type: number, bytes: Uint8Array, at: number, size: number, max: number): boolean {
    const length = stringLength(bytes, at, size);
    if (length > max) return false;
    const { record } = this;
    let to = this.end;
    writeU16(record, to, TLV_HEADER + length + 1);
    writeU16(record, to + 2, type);
    to += TLV_HEADER;
    for (let n = 0; n < length; n++) record[to++] = bytes[at + n]!;
    do record[to++] = 0;
    while (to & 3);
    this.end = to;
    return true;
  }
}
