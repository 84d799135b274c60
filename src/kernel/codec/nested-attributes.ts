/** The attributes inside one attribute of a message: those of one nest at a time. */

import { findAttributes } from '../../system/netlink.ts';

/** By type, where each value of the nest that {@link findPart} found begins (0: missing), and its size in bytes. */
export const partAt = new Int32Array(4);
export const partSize = new Int32Array(4);

/** True if the nest of that type is there and its attributes could be found; they are in `partAt` and `partSize` then. */
export function findPart(words: Int32Array, at: Int32Array, size: Int32Array, type: number): boolean {
  const start = at[type]!;
  return start !== 0 && findAttributes(words, start, start + size[type]!, partAt, partSize);
}

/** True if the parts 1 to `last` are all there with at least `size` bytes. */
export function partsAre(last: number, size: number): boolean {
  for (let type = 1; type <= last; type++) if (partAt[type] === 0 || partSize[type]! < size) return false;
  return true;
}

/** True if the attribute is not there, or has at least `least` bytes. */
export function fits(at: Int32Array, size: Int32Array, type: number, least: number): boolean {
  return at[type] === 0 || size[type]! >= least;
}
