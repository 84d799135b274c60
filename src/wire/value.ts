/**
 * The kinds of attribute values: the wire layout of each, and functions to read and write it. Hot paths do
 * not use them: they copy values unchanged.
 */

import { writeNativeU16 } from '../bytes/endian.ts';
import { readU16, readU32, writeU16, writeU32 } from '../bytes/integers.ts';
import { addressSize, type Family } from '../flow/address.ts';
import type { Flow, SequenceAdjustment, Synproxy } from '../flow/flow.ts';
import { parseAddress } from '../flow/parse-address.ts';
import type { Ports } from '../flow/tuple.ts';
import { LABELS_VALUE_MAX, TLV_HEADER } from './attribute.ts';
import { stringLength } from './tlv.ts';

/** Size of a value of variable size. */
export const VARIABLE = -1;

/** One kind of value. */
export interface ValueKind<V> {
  /** Size in bytes of each such value, or {@link VARIABLE}. */
  readonly size: number;
  /** Maximum size in bytes of the whole TLV; 0 if the size is fixed. */
  readonly tlvMax: number;
  /** The type of a value of variable size; each is checked differently. */
  readonly variable?: 'string' | 'bitmask';
  /** @throws RangeError for a value that the field cannot hold */
  write(value: V): Uint8Array;
}

/** Source and destination address of a tuple. */
export interface AddressPair {
  readonly source: string;
  readonly destination: string;
}

function fixed<V>(size: number, put: (to: Uint8Array, value: V) => void): ValueKind<V> {
  return {
    size,
    tlvMax: 0,
    write: (value) => {
      const bytes = new Uint8Array(size);
      put(bytes, value);
      return bytes;
    },
  };
}

function inRange(value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${value} is not a whole number from 0 to ${max}`);
  }
  return value;
}

function addressOf(family: Family, text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes.length !== addressSize(family)) throw new RangeError(`\`${text}' is no IPv${family} address`);
  return bytes;
}

export const U8: ValueKind<number> = fixed(1, (to, value) => {
  to[0] = inRange(value, 0xff);
});

export const U16: ValueKind<number> = fixed(2, (to, value) => writeU16(to, 0, inRange(value, 0xffff)));

/** Low byte first on a little-endian machine; see `attribute.ts`. */
export const NATIVE_U16: ValueKind<number> = fixed(2, (to, value) =>
  writeNativeU16(to, 0, inRange(value, 0xffff)),
);

export const U32: ValueKind<number> = fixed(4, (to, value) => writeU32(to, 0, inRange(value, 0xffff_ffff)));

export function readPorts(bytes: Uint8Array, at: number): Ports {
  return { source: readU16(bytes, at), destination: readU16(bytes, at + 2) };
}

export const PORTS: ValueKind<Ports> = fixed(4, (to, { source, destination }) => {
  writeU16(to, 0, inRange(source, 0xffff));
  writeU16(to, 2, inRange(destination, 0xffff));
});

function address(family: Family): ValueKind<string> {
  return fixed(addressSize(family), (to, value) => to.set(addressOf(family, value)));
}

function addresses(family: Family): ValueKind<AddressPair> {
  const size = addressSize(family);
  return fixed(2 * size, (to, { source, destination }) => {
    to.set(addressOf(family, source));
    to.set(addressOf(family, destination), size);
  });
}

export const IPV4_ADDRESS = address(4);
export const IPV6_ADDRESS = address(6);
export const IPV4_PAIR = addresses(4);
export const IPV6_PAIR = addresses(6);

type SequenceAdjustments = NonNullable<Flow['sequenceAdjustment']>;

export function readAdjustments(bytes: Uint8Array, at: number): SequenceAdjustments {
  return { original: adjustmentAt(bytes, at), reply: adjustmentAt(bytes, at + 12) };
}

function adjustmentAt(bytes: Uint8Array, at: number): SequenceAdjustment {
  return {
    position: readU32(bytes, at),
    offsetBefore: readU32(bytes, at + 4),
    offsetAfter: readU32(bytes, at + 8),
  };
}

function putWords(to: Uint8Array, words: readonly number[]): void {
  words.forEach((word, n) => {
    writeU32(to, 4 * n, inRange(word, 0xffff_ffff));
  });
}

/** Sequence number adjustments of both directions, the original one first. */
export const ADJUSTMENTS: ValueKind<SequenceAdjustments> = fixed(24, (to, { original, reply }) =>
  putWords(
    to,
    [original, reply].flatMap((each) => [each.position, each.offsetBefore, each.offsetAfter]),
  ),
);

export function readSynproxy(bytes: Uint8Array, at: number): Synproxy {
  return { its: readU32(bytes, at), isn: readU32(bytes, at + 4), tsoff: readU32(bytes, at + 8) };
}

export const SYNPROXY: ValueKind<Synproxy> = fixed(12, (to, { its, isn, tsoff }) =>
  putWords(to, [its, isn, tsoff]),
);

/** Reads a NUL-terminated string: the characters before the first NUL of `bytes[at, at + size)`. */
export function readString(bytes: Uint8Array, at: number, size: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + stringLength(bytes, at, size)));
}

/**
 * A NUL-terminated string, one character per byte so that no byte is lost; the whole TLV has at most
 * `tlvMax` bytes.
 */
export function string(tlvMax: number): ValueKind<string> {
  const max = tlvMax - TLV_HEADER - 1;
  return {
    size: VARIABLE,
    tlvMax,
    variable: 'string',
    write: (value) => {
      if (value.length > max) throw new RangeError(`name \`${value}' is longer than ${max} bytes`);
      const bytes = new Uint8Array(value.length + 1);
      for (let n = 0; n < value.length; n++) bytes[n] = inRange(value.charCodeAt(n), 0xff);
      if (bytes.indexOf(0) < value.length) throw new RangeError(`name \`${value}' holds a NUL`);
      return bytes;
    },
  };
}

export function readBitmask(bytes: Uint8Array, at: number, size: number): number[] {
  return Array.from({ length: size >> 2 }, (_, word) => readU32(bytes, at + 4 * word));
}

/** A bit mask in words (u32 each), lowest word first. */
export const BITMASK: ValueKind<readonly number[]> = {
  size: VARIABLE,
  tlvMax: TLV_HEADER + LABELS_VALUE_MAX,
  variable: 'bitmask',
  write: (words) => {
    if (4 * words.length > LABELS_VALUE_MAX) throw new RangeError(`${words.length} label words are too many`);
    const bytes = new Uint8Array(4 * words.length);
    putWords(bytes, words);
    return bytes;
  },
};
