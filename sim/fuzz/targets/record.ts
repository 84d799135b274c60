import fc from 'fast-check';
import { RECORD_MAX } from '../../../src/wire/attribute.ts';
import { decodeExpectation, decodeFlow } from '../../../src/wire/decode.ts';
import { encodeExpectation, encodeFlow } from '../../../src/wire/encode.ts';
import {
  canonicalise,
  checkRecord,
  EXPECTATION_FORMAT,
  FLOW_FORMAT,
  Form,
  mergeRecords,
  type RecordFormat,
  wireSize,
} from '../../../src/wire/record.ts';
import { RecordChecker } from '../../../src/wire/record-checker.ts';
import type { Random } from '../../random.ts';
import { expectation, flow } from '../generators.ts';
import { type RecordKind, ReferenceReader } from '../reference.ts';
import { capturedRecords } from '../seeds.ts';
import { ensure, GuardedInput, hashOf, mixed, type Target } from '../target.ts';

/** Bytes behind the room that a record is written to: a write beyond it is seen. */
const GUARD = 64;
const GUARD_BYTE = 0x5a;

/** Decoding and encoding costs as much as fifty checks: done with one record in so many. */
const ROUND_TRIP_EVERY = 128;
const MERGE_EVERY = 8;
/** Records beyond this size are rare in the world, and slow to try: few of them are begun with. */
const LONG = 300;
const LONG_KEPT = 8;

interface Codec {
  readonly format: RecordFormat;
  /** What the record means, as one text, and its bytes from that; undefined for what has no meaning to encode. */
  readonly roundTrip: (bytes: Uint8Array, start: number, end: number) => Uint8Array | undefined;
}

const CODECS: Readonly<Record<RecordKind, Codec>> = {
  flow: {
    format: FLOW_FORMAT,
    roundTrip(bytes, start, end) {
      const decoded = decodeFlow(bytes, start, end);
      return isWholeFlow(bytes, start, end) ? encodeFlow(decoded) : undefined;
    },
  },
  expectation: {
    format: EXPECTATION_FORMAT,
    roundTrip(bytes, start, end) {
      const decoded = decodeExpectation(bytes, start, end);
      return isWholeExpectation(bytes, start, end) ? encodeExpectation(decoded) : undefined;
    },
  },
};

/** Bits of the types (0 to 31, and 32 as bit 31) in a canonical record. */
function typesIn(bytes: Uint8Array, start: number, end: number): number {
  let types = 0;
  for (let at = start; at < end; at += (((bytes[at]! << 8) | bytes[at + 1]!) + 3) & ~3) {
    types |= 1 << Math.min(31, bytes[at + 3]!);
  }
  return types;
}

const has = (types: number, ...wanted: readonly number[]) => wanted.some((type) => (types >>> type) & 1);

/** Ports travel with these alone (docs/protocol.md, section 2). */
const WITH_PORTS = new Set([6, 17, 33, 132]);

/**
 * A record may hold what no flow has: the ports of a protocol whose ports do not travel, half a master, a translation
 * to the other family. It is kept as it came, but a flow object says something else.
 */
function isWholeFlow(bytes: Uint8Array, start: number, end: number): boolean {
  const types = typesIn(bytes, start, end);
  let protocol = 0;
  for (let at = start; at < end; at += (((bytes[at]! << 8) | bytes[at + 1]!) + 3) & ~3) {
    if (bytes[at + 3] === 2) protocol = bytes[at + 4]!;
  }
  if (has(types, 3) && !WITH_PORTS.has(protocol)) return false;
  if (has(types, 8, 9, 10, 11) && !(has(types, 8, 9) && has(types, 10))) return false;
  return !(has(types, 0) ? has(types, 29, 30) : has(types, 12, 13));
}

/** The same of an expectation: of a mask or a translation half is there. */
function isWholeExpectation(bytes: Uint8Array, start: number, end: number): boolean {
  const types = typesIn(bytes, start, end);
  if (has(types, 8, 9, 10, 11) && !(has(types, 8, 9) && has(types, 10))) return false;
  return !has(types, 15, 16, 17, 18) || has(types, 17);
}

/** The check of a record, its canonical form, the codec and the merge. */
export class RecordTarget implements Target {
  readonly name: string;
  readonly grammar = 'attributes';
  readonly weight = 100;
  private readonly kind: RecordKind;
  private readonly codec: Codec;
  private readonly reference: ReferenceReader;
  /** It knows the layouts of the inputs before this one. */
  private readonly checker: RecordChecker;
  private readonly surrounded = new GuardedInput();
  private readonly out = new Uint8Array(RECORD_MAX + GUARD);
  private readonly merged = new Uint8Array(RECORD_MAX + GUARD);
  /** The canonical record before this one. */
  private readonly known = new Uint8Array(RECORD_MAX);
  private knownSize = 0;
  private records = 0;

  constructor(kind: RecordKind) {
    this.name = `record-${kind}`;
    this.kind = kind;
    this.codec = CODECS[kind];
    this.reference = new ReferenceReader(kind);
    this.checker = new RecordChecker(this.codec.format);
  }

  seeds(random: Random): readonly Uint8Array[] {
    const options = { seed: random.u32() | 0, numRuns: 200 };
    const generated =
      this.kind === 'flow'
        ? fc.sample(flow(), options).map(encodeFlow)
        : fc.sample(expectation(), options).map(encodeExpectation);
    const long = generated.filter(({ length }) => length > LONG).slice(0, LONG_KEPT);
    const short = generated.filter(({ length }) => length <= LONG);
    return [...capturedRecords(this.kind), ...short, ...long];
  }

  run(input: Uint8Array, length: number): number {
    const { surrounded, reference, codec, out } = this;
    surrounded.place(input, length);
    const { start, end } = surrounded;
    const [one, other] = surrounded.memories;
    const isRecord = reference.read(one, start, end);
    const form = checkRecord(codec.format, one, start, end);
    ensure(
      form === checkRecord(codec.format, other, start, end),
      () => 'the check depends on bytes outside the record',
    );
    for (const memory of surrounded.memories) {
      const fast = this.checker.check(memory, start, end);
      ensure(fast === form, () => `the fast paths say ${fast}, the check attribute by attribute ${form}`);
    }
    ensure(
      (form !== Form.MALFORMED) === isRecord,
      () =>
        `taken for ${form === Form.MALFORMED ? 'malformed' : 'a record'}; ${reference.trouble ?? 'well-formed'}`,
    );
    if (form === Form.MALFORMED) return 1;
    ensure(
      (form === Form.CANONICAL) === reference.isCanonical(one, start, end),
      () => `taken for ${form === Form.CANONICAL ? '' : 'not '}canonical`,
    );
    const size = this.canonicalise(start, end);
    this.records++;
    if (this.records % MERGE_EVERY === 0) this.checkMerge(size);
    if (this.records % ROUND_TRIP_EVERY === 0) this.checkRoundTrip(size);
    for (let n = 0; n < size; n++) this.known[n] = out[n]!;
    this.knownSize = size;
    return 1;
  }

  private canonicalise(start: number, end: number): number {
    const { codec, out, reference } = this;
    out.fill(GUARD_BYTE, RECORD_MAX);
    // The reference read the first memory, so that what is read outside the second is seen.
    const size = canonicalise(codec.format, this.surrounded.memories[1], start, end, out, 0);
    ensure(reference.isCanonical(out, 0, size), () => 'canonicalise writes something else');
    ensure(
      checkRecord(codec.format, out, 0, size) === Form.CANONICAL,
      () => 'its canonical form is not canonical',
    );
    for (let at = RECORD_MAX; at < out.length; at++) {
      ensure(out[at] === GUARD_BYTE, () => 'canonicalise writes more than RECORD_MAX bytes');
    }
    if (this.kind === 'flow') {
      ensure(wireSize(out, 0, size) === size, () => 'a record from the wire has local attributes');
    }
    return size;
  }

  private checkMerge(size: number): void {
    const { codec, out, known, knownSize, merged } = this;
    if (knownSize === 0) return;
    const total = mergeRecords(codec.format, known, 0, knownSize, out, 0, size, merged, 0);
    ensure(total <= RECORD_MAX, () => `two records merge into ${total} bytes`);
    ensure(
      checkRecord(codec.format, merged, 0, total) === Form.CANONICAL,
      () => 'two canonical records merge into something else',
    );
    const again = mergeRecords(codec.format, out, 0, size, out, 0, size, merged, 0);
    ensure(
      again === size && hashOf(merged, 0, again) === hashOf(out, 0, size),
      () => 'a merge with itself changes it',
    );
  }

  private checkRoundTrip(size: number): void {
    const { out, codec, surrounded } = this;
    surrounded.place(out, size);
    const { start, end } = surrounded;
    const [one, other] = surrounded.memories;
    const encoded = codec.roundTrip(one, start, end);
    const again = codec.roundTrip(other, start, end);
    if (encoded === undefined || again === undefined) return;
    const hash = mixed(hashOf(out, 0, size), size);
    ensure(
      mixed(hashOf(encoded, 0, encoded.length), encoded.length) === hash,
      () => 'encode of decode is not the identity',
    );
    ensure(
      mixed(hashOf(again, 0, again.length), again.length) === hash,
      () => 'decode reads outside the record',
    );
  }
}
