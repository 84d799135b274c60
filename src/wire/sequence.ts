/** Sequence numbers are unsigned 32-bit, compared modulo 2^32 as in RFC 1982 and the C node's `before`. */

/** True if `a` was sent before `b`. */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** True if `a` was sent after `b`. */
export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** The number that follows `seq`. */
export function next(seq: number): number {
  return (seq + 1) >>> 0;
}

/** The number that precedes `seq`. */
export function previous(seq: number): number {
  return (seq - 1) >>> 0;
}

/** How many numbers the inclusive range from `from` to `to` contains. */
export function span(from: number, to: number): number {
  return ((to - from) >>> 0) + 1;
}
