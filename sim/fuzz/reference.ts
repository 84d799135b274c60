/**
 * A second implementation of the protocol, written from docs/protocol.md with its own tables and without code from
 * `src/wire`. It is slow and simple, and its faults are in other places than those of the code that it checks.
 */

/** For an attribute of variable size: the greatest size of its value, a text with its NUL or the words of a mask. */
type Size = number | { readonly kind: 'text' | 'mask'; readonly most: number };

const text = (most: number): Size => ({ kind: 'text', most });

/** Attribute types in the order in which a node sends them; those in one row exclude each other. */
interface Attributes {
  readonly sizes: readonly Size[];
  readonly order: readonly (readonly number[])[];
  /** A record needs at least one type of each of these sets. */
  readonly required: readonly (readonly number[])[];
}

/** Section 2, "Of a flow". */
const FLOW: Attributes = {
  sizes: [
    8,
    32,
    1,
    4,
    1,
    4,
    4,
    4,
    8,
    32,
    1,
    4,
    4,
    4,
    2,
    2,
    24,
    1,
    4,
    4,
    1,
    1,
    1,
    1,
    2,
    1,
    1,
    text(12),
    { kind: 'mask', most: 1024 },
    16,
    16,
    12,
    2,
  ],
  order: [
    [0, 1],
    [5],
    [2],
    [3],
    [4],
    [25],
    [26],
    [17],
    [18],
    [19],
    [20],
    [21],
    [22],
    [23],
    [24],
    [6],
    [7],
    [8, 9],
    [10],
    [11],
    [12],
    [13],
    [29],
    [30],
    [14],
    [15],
    [16],
    [27],
    [28],
    [31],
    [32],
  ],
  required: [[0, 1], [2]],
};

/** Section 2, "Of an expectation". */
const EXPECTATION: Attributes = {
  sizes: [8, 32, 1, 4, 8, 32, 1, 4, 8, 32, 1, 4, 4, 4, 4, 8, 4, 1, 4, text(12), text(28)],
  order: [
    [0, 1],
    [2],
    [3],
    [4, 5],
    [6],
    [7],
    [8, 9],
    [10],
    [11],
    [12],
    [13],
    [14],
    [15],
    [17],
    [16],
    [18],
    [19],
    [20],
  ],
  required: [[0, 1], [2], [4, 5], [6]],
};

export type RecordKind = 'flow' | 'expectation';

/** Why a record is malformed. */
export type Trouble = 'framing' | 'type' | 'size' | 'text' | 'key';

const u16 = (bytes: Uint8Array, at: number): number => bytes[at]! * 256 + bytes[at + 1]!;
const u32 = (bytes: Uint8Array, at: number): number => u16(bytes, at) * 65536 + u16(bytes, at + 2);

function bits(types: readonly number[]): number {
  let set = 0;
  for (const type of types) set |= 1 << type;
  return set;
}

/** Reads records of one kind. Holds the last record that it read. */
export class ReferenceReader {
  /** The canonical form of the last record that was not malformed. */
  readonly canonical = new Uint8Array(2048);
  size = 0;
  /** Why the last record was malformed. */
  trouble: Trouble | undefined;
  private readonly attributes: Attributes;
  private readonly rowOf: Int32Array;
  private readonly valueAt: Int32Array;
  private readonly valueSize: Int32Array;

  constructor(kind: RecordKind) {
    this.attributes = kind === 'flow' ? FLOW : EXPECTATION;
    const { sizes, order } = this.attributes;
    this.rowOf = new Int32Array(sizes.length);
    for (const [row, types] of order.entries()) for (const type of types) this.rowOf[type] = row;
    this.valueAt = new Int32Array(order.length);
    this.valueSize = new Int32Array(order.length);
  }

  /** True if the attributes in `bytes[start, end)` are a record; then sets its canonical form. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.trouble = this.gather(bytes, start, end);
    if (this.trouble !== undefined) return false;
    this.write(bytes);
    return true;
  }

  /** True if the last record read equals `bytes[start, end)` byte for byte. */
  isCanonical(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start !== this.size) return false;
    for (let n = 0; n < this.size; n++) if (bytes[start + n] !== this.canonical[n]) return false;
    return true;
  }

  private gather(bytes: Uint8Array, start: number, end: number): Trouble | undefined {
    const { sizes, required } = this.attributes;
    this.valueAt.fill(-1);
    // All required types are below 32.
    let seen = 0;
    let at = start;
    while (end - at > 4) {
      const length = u16(bytes, at);
      const type = u16(bytes, at + 2);
      if (length < 4 || length > end - at) return 'framing';
      if (type >= sizes.length) return 'type';
      const size = sizes[type]!;
      let keep = length - 4;
      if (typeof size === 'number') {
        if (keep !== size) return 'size';
      } else if (size.kind === 'text') {
        if (keep > size.most) return 'size';
        let nul = 0;
        while (nul < keep && bytes[at + 4 + nul] !== 0) nul++;
        if (nul === keep) return 'text';
        keep = nul + 1;
      } else {
        if (keep > size.most) return 'size';
        if (keep === 0 || keep % 4 !== 0) keep = -1;
      }
      if (keep >= 0) {
        this.valueAt[this.rowOf[type]!] = at;
        this.valueSize[this.rowOf[type]!] = keep;
      }
      if (type < 32) seen |= 1 << type;
      at += Math.ceil(length / 4) * 4;
    }
    for (const types of required) if ((seen & bits(types)) === 0) return 'key';
    return undefined;
  }

  private write(bytes: Uint8Array): void {
    const { canonical, valueAt, valueSize } = this;
    let to = 0;
    for (let row = 0; row < valueAt.length; row++) {
      const from = valueAt[row]!;
      if (from < 0) continue;
      const length = valueSize[row]! + 4;
      canonical[to] = length >> 8;
      canonical[to + 1] = length & 0xff;
      for (let n = 2; n < length; n++) canonical[to + n] = bytes[from + n]!;
      const padded = Math.ceil(length / 4) * 4;
      canonical.fill(0, to + length, to + padded);
      to += padded;
    }
    this.size = to;
  }
}

export type Mode = 'ftfw' | 'notrack' | 'alarm';

/** How a node treats one message of a datagram, apart from its number. */
export type MessageFate =
  | 'truncated'
  | 'bad size'
  | 'bad version'
  | 'bad header'
  | 'skipped'
  | 'control'
  | 'data';

const ALIVE = 16;
const ACK = 8;
const NACK = 4;
const RESYNC = 2;
const HELLOS = 32 + 64;

/** The fate of the message at `at` in a datagram that ends at `end` (section 1, and 3 and 4 for the modes). */
export function fateOf(bytes: Uint8Array, at: number, end: number, mode: Mode): MessageFate {
  const left = end - at;
  if (left < 8) return 'truncated';
  const length = u16(bytes, at + 2);
  if (length === 0 || length > left) return 'bad size';
  const type = bytes[at]! % 16;
  const flags = bytes[at + 1]!;
  const ranged = type === 10 && (flags & (ACK | NACK | RESYNC)) !== 0;
  if (ranged && left < 16) return 'truncated';
  if (length < (ranged ? 16 : 8)) return 'bad size';
  if (bytes[at]! >> 4 !== 1) return 'bad version';
  if (mode === 'alarm') return flags !== 0 ? 'skipped' : 'data';
  if (type <= 5) return (flags & ~HELLOS) === 0 ? 'data' : 'bad header';
  if (type !== 10) return 'bad header';
  if (flags & (ACK | NACK) && mode === 'ftfw') {
    const backwards = (u32(bytes, at + 12) - u32(bytes, at + 8)) >>> 0 >= 0x8000_0000;
    return backwards ? 'bad header' : 'control';
  }
  return flags & (RESYNC | ALIVE) ? 'control' : 'bad header';
}

/** The length in a message's header. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 2);
}
