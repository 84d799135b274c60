/** Locates the attributes nested in one attribute of a message. Holds one nest at a time. */

import { findAttributes } from '../../system/netlink.ts';

/**
 * By type, the offset of each value in the nest that {@link findPart} located last (0: missing), and its
 * size in bytes.
 */
export const partAt = new Int32Array(4);
export const partSize = new Int32Array(4);

/**
 * True if the message has the nest of that type and it parses; `partAt` and `partSize` then describe its
 * attributes.
 */
export function findPart(words: Int32Array, at: Int32Array, size: Int32Array, type: number): boolean {
  const start = at[type]!;
  return start !== 0 && findAttributes(words, start, start + size[type]!, partAt, partSize);
}

/** True if parts 1 to `last` are all present with at least `size` bytes each. */
export function partsAre(last: number, size: number): boolean {
  for (let type = 1; type <= last; type++) if (partAt[type] === 0 || partSize[type]! < size) return false;
  return true;
}

/** True if the attribute is missing or has at least `least` bytes. */
export function fits(at: Int32Array, size: Int32Array, type: number, least: number): boolean {
  return at[type] === 0 || size[type]! >= least;
}
