/**
 * Integers in this machine's byte order: netlink's own fields, and three attributes that the C node swaps.
 */

/** True if this machine stores integers with the low byte first. */
export const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export function readNativeU16(bytes: Uint8Array, at: number): number {
  return LITTLE_ENDIAN ? bytes[at]! | (bytes[at + 1]! << 8) : (bytes[at]! << 8) | bytes[at + 1]!;
}

export function readNativeU32(bytes: Uint8Array, at: number): number {
  return readNativeI32(bytes, at) >>> 0;
}

export function readNativeI32(bytes: Uint8Array, at: number): number {
  return LITTLE_ENDIAN
    ? bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    : (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function writeNativeU16(bytes: Uint8Array, at: number, value: number): void {
  if (LITTLE_ENDIAN) {
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
  } else {
    bytes[at] = value >>> 8;
    bytes[at + 1] = value;
  }
}

export function writeNativeU32(bytes: Uint8Array, at: number, value: number): void {
  if (LITTLE_ENDIAN) {
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  } else {
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }
}

function swapped(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

/**
 * Converts between a 32-bit number and the word of this machine that holds it in network byte order. Signed;
 * its own inverse.
 */
export function networkWord(value: number): number {
  return LITTLE_ENDIAN ? swapped(value) : value | 0;
}
