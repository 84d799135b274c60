import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectation, flow } from '../../sim/fuzz/generators.ts';
import { Attr, RECORD_MAX } from '../../src/wire/attribute.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';
import { ExpAttr } from '../../src/wire/expectation-attributes.ts';
import { FLOW_ATTRIBUTES } from '../../src/wire/flow-attributes.ts';
import {
  canonicalise,
  checkRecord,
  EXPECTATION_FORMAT,
  FLOW_FORMAT,
  Form,
  findAttribute,
  mergeRecords,
  type RecordFormat,
  wireSize,
} from '../../src/wire/record.ts';
import { RecordChecker } from '../../src/wire/record-checker.ts';
import { putAttribute, stringLength } from '../../src/wire/tlv.ts';
import { attributesOf, bytesOf, concatenate, terminated, tlv } from '../support/attributes.ts';

const { valueSize: VALUE_SIZE, rank: RANK, wireTypes: WIRE_ATTRIBUTES } = FLOW_ATTRIBUTES;

const ADDRESSES = tlv(Attr.IPV4, [10, 0, 0, 1, 10, 0, 0, 2]);
const UDP = tlv(Attr.L4PROTO, [17]);
const KEY = [...ADDRESSES, ...UDP];
const EXPECTATION = [
  ...tlv(ExpAttr.MASTER_IPV4, bytesOf(8)),
  ...tlv(ExpAttr.MASTER_L4PROTO, [6]),
  ...tlv(ExpAttr.EXPECT_IPV4, bytesOf(8)),
  ...tlv(ExpAttr.EXPECT_L4PROTO, [6]),
];

/** By bytes and by words, which have to agree. */
function check(format: RecordFormat, bytes: readonly number[] | Uint8Array): Form {
  const array = Uint8Array.from(bytes);
  const form = checkRecord(format, array, 0, array.length);
  expect(new RecordChecker(format).check(array, 0, array.length)).toBe(form);
  return form;
}

function canonicalOf(format: RecordFormat, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(RECORD_MAX);
  return out.slice(0, canonicalise(format, bytes, 0, bytes.length, out, 0));
}

const formats = [
  ['flow', FLOW_FORMAT, flow().map(encodeFlow)],
  ['expectation', EXPECTATION_FORMAT, expectation().map(encodeExpectation)],
] as const;

describe('a flow', () => {
  it('is the same after encoding and decoding, and its record is canonical', () => {
    fc.assert(
      fc.property(flow(), (wanted) => {
        const record = encodeFlow(wanted);
        expect(checkRecord(FLOW_FORMAT, record, 0, record.length)).toBe(Form.CANONICAL);
        expect(record.length).toBeLessThanOrEqual(RECORD_MAX);
        expect(decodeFlow(record, 0, record.length)).toEqual(wanted);
      }),
    );
  });

  it('loses the ports of a protocol whose ports do not travel', () => {
    const original = { family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: 47 } as const;
    const record = encodeFlow({ original: { ...original, ports: { source: 1, destination: 2 } } });
    expect(decodeFlow(record, 0, record.length)).toEqual({ original });
  });

  const udp = { family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 } as const;
  it.each([
    ['a port', { original: { ...udp, ports: { source: 65536, destination: 1 } } }],
    ['a protocol', { original: { ...udp, protocol: 256 } }],
    ['a mark', { original: udp, mark: -1 }],
    ['a timeout', { original: udp, timeout: 1.5 }],
    ['a zone', { original: udp, zone: 65536 }],
    ['a helper that is too long', { original: udp, helper: 'twelve-bytes' }],
    ['a helper with a NUL', { original: udp, helper: 'f\0p' }],
    ['a helper beyond Latin-1', { original: udp, helper: 'ft\u20ac' }],
    ['labels that are too many', { original: udp, labels: new Array<number>(257).fill(1) }],
    ['an address', { original: { ...udp, source: 'nowhere' } }],
    ['an address of the other family', { original: { ...udp, source: '::1' } }],
    ['a translation to the other family', { original: udp, sourceNat: { address: 'fd00::1' } }],
  ])('is refused with a RangeError where %s does not fit', (_what, wanted) => {
    expect(() => encodeFlow(wanted)).toThrow(RangeError);
  });
});

describe('an expectation', () => {
  it('is the same after encoding and decoding, and its record is canonical', () => {
    fc.assert(
      fc.property(expectation(), (wanted) => {
        const record = encodeExpectation(wanted);
        expect(checkRecord(EXPECTATION_FORMAT, record, 0, record.length)).toBe(Form.CANONICAL);
        expect(decodeExpectation(record, 0, record.length)).toEqual(wanted);
      }),
    );
  });

  it('is refused with a RangeError where the name of its function is too long', () => {
    const tuple = { family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: 6 } as const;
    expect(() => encodeExpectation({ master: tuple, expected: tuple, function: 'f'.repeat(28) })).toThrow(
      RangeError,
    );
  });
});

describe('checkRecord on the record of a flow', () => {
  const label = (size: number) => tlv(Attr.LABELS, bytesOf(size));
  it.each([
    ['the key alone', KEY, Form.CANONICAL],
    ['an IPv6 key', [...tlv(Attr.IPV6, bytesOf(32)), ...UDP], Form.CANONICAL],
    ['no address', UDP, Form.MALFORMED],
    ['no protocol', ADDRESSES, Form.MALFORMED],
    ['nothing at all', [], Form.MALFORMED],
    ['a length of 0', [...KEY, ...tlv(Attr.MARK, bytesOf(4), 0)], Form.MALFORMED],
    ['a length below the TLV header', [...KEY, ...tlv(Attr.MARK, bytesOf(4), 3)], Form.MALFORMED],
    ['a length beyond the end', [...KEY, ...tlv(Attr.HELPER_NAME, bytesOf(4, 0), 9)], Form.MALFORMED],
    ['a type of our own', [...KEY, ...tlv(Attr.LOCAL_PORT, bytesOf(4))], Form.MALFORMED],
    ['an unknown type', [...KEY, ...tlv(34, bytesOf(4))], Form.MALFORMED],
    ['the greatest type', [...KEY, ...tlv(0xffff, bytesOf(4))], Form.MALFORMED],
    ['a label mask of 1,024 bytes', [...KEY, ...label(1024)], Form.CANONICAL],
    ['a label mask of 1,028 bytes', [...KEY, ...label(1028)], Form.MALFORMED],
    ['a label mask that is no whole number of words', [...KEY, ...label(6)], Form.LOOSE],
    ['an empty label mask', [...KEY, ...label(0), 0, 0, 0, 0], Form.LOOSE],
    ['a helper', [...KEY, ...tlv(Attr.HELPER_NAME, terminated('ftp'))], Form.CANONICAL],
    ['the longest helper', [...KEY, ...tlv(Attr.HELPER_NAME, terminated('eleven-char'))], Form.CANONICAL],
    ['a longer helper', [...KEY, ...tlv(Attr.HELPER_NAME, terminated('twelve-chars'))], Form.MALFORMED],
    ['a helper without NUL', [...KEY, ...tlv(Attr.HELPER_NAME, bytesOf(4, 102))], Form.MALFORMED],
    ['a helper of no bytes', [...KEY, ...tlv(Attr.HELPER_NAME, []), 0, 0, 0, 0], Form.MALFORMED],
    ['bytes behind the NUL of a helper', [...KEY, ...tlv(Attr.HELPER_NAME, [102, 0, 1, 0])], Form.LOOSE],
    ['an attribute twice', [...KEY, ...UDP], Form.LOOSE],
    ['both families', [...KEY, ...tlv(Attr.IPV6, bytesOf(32))], Form.LOOSE],
    ['another order', [...UDP, ...ADDRESSES], Form.LOOSE],
    ['padding that is not zero', [...ADDRESSES, ...UDP.slice(0, 7), 1], Form.LOOSE],
    ['a last attribute without its padding', [...ADDRESSES, ...UDP.slice(0, 5)], Form.LOOSE],
    ['1 byte behind', [...KEY, 0], Form.LOOSE],
    ['4 bytes behind, whatever they are', [...KEY, 0, 0, 255, 255], Form.LOOSE],
    ['5 bytes behind that are no attribute', [...KEY, 0, 0, 0, 0, 0], Form.MALFORMED],
  ])('%s', (_what, bytes, form) => {
    expect(check(FLOW_FORMAT, bytes)).toBe(form);
  });

  const fixed = Array.from({ length: WIRE_ATTRIBUTES }, (_, type) => type).filter(
    (type) => VALUE_SIZE[type]! >= 0,
  );
  it.each(fixed)('type %i: takes its own size and no other', (type) => {
    const size = VALUE_SIZE[type]!;
    const rest = KEY;
    expect(check(FLOW_FORMAT, [...rest, ...tlv(type, bytesOf(size))])).not.toBe(Form.MALFORMED);
    for (const wrong of [size - 1, size + 1, size + 4]) {
      expect(check(FLOW_FORMAT, [...rest, ...tlv(type, bytesOf(wrong)), ...bytesOf(4, 0)]), `${wrong}`).toBe(
        Form.MALFORMED,
      );
    }
  });

  it('takes every attribute at its greatest size', () => {
    const all = Array.from({ length: WIRE_ATTRIBUTES }, (_, type) => type)
      .filter((type) => ![Attr.IPV4, Attr.MASTER_IPV4].includes(type as never))
      .sort((a, b) => RANK[a]! - RANK[b]!)
      .flatMap((type) => {
        if (type === Attr.HELPER_NAME) return tlv(type, terminated('eleven-char'));
        return tlv(type, bytesOf(type === Attr.LABELS ? 1024 : VALUE_SIZE[type]!));
      });
    expect(check(FLOW_FORMAT, all)).toBe(Form.CANONICAL);
    expect(all.length).toBeLessThanOrEqual(RECORD_MAX);
  });
});

describe('checkRecord on the record of an expectation', () => {
  const without = (type: number) =>
    attributesOf(Uint8Array.from(EXPECTATION)).filter(([, , , t]) => t !== type);
  it.each([
    ['the keys alone', EXPECTATION, Form.CANONICAL],
    ['no master address', concatenate(without(ExpAttr.MASTER_IPV4)), Form.MALFORMED],
    ['no master protocol', concatenate(without(ExpAttr.MASTER_L4PROTO)), Form.MALFORMED],
    ['no expected address', concatenate(without(ExpAttr.EXPECT_IPV4)), Form.MALFORMED],
    ['no expected protocol', concatenate(without(ExpAttr.EXPECT_L4PROTO)), Form.MALFORMED],
    ['an unknown type', [...EXPECTATION, ...tlv(21, bytesOf(4))], Form.MALFORMED],
    ['a wrong size', [...EXPECTATION, ...tlv(ExpAttr.TIMEOUT, bytesOf(5))], Form.MALFORMED],
    [
      'the longest function',
      [...EXPECTATION, ...tlv(ExpAttr.FN, terminated('f'.repeat(27)))],
      Form.CANONICAL,
    ],
    ['a longer function', [...EXPECTATION, ...tlv(ExpAttr.FN, terminated('f'.repeat(28)))], Form.MALFORMED],
    ['a function without NUL', [...EXPECTATION, ...tlv(ExpAttr.FN, bytesOf(8))], Form.MALFORMED],
    [
      'a longer helper',
      [...EXPECTATION, ...tlv(ExpAttr.HELPER_NAME, terminated('twelve-chars'))],
      Form.MALFORMED,
    ],
  ])('%s', (_what, bytes, form) => {
    expect(check(EXPECTATION_FORMAT, bytes)).toBe(form);
  });

  it('takes the protocol of the translation before its port, and no other order', () => {
    const protocol = tlv(ExpAttr.NAT_L4PROTO, [6]);
    const port = tlv(ExpAttr.NAT_PORT, bytesOf(4));
    expect(check(EXPECTATION_FORMAT, [...EXPECTATION, ...protocol, ...port])).toBe(Form.CANONICAL);
    expect(check(EXPECTATION_FORMAT, [...EXPECTATION, ...port, ...protocol])).toBe(Form.LOOSE);
  });
});

describe.each(formats)('canonicalise on the record of a %s', (_kind, format, record) => {
  const shuffled = record.chain((bytes) => {
    const attributes = attributesOf(bytes);
    return fc.record({
      canonical: fc.constant(bytes),
      loose: fc.shuffledSubarray(attributes, { minLength: attributes.length }).map(concatenate),
    });
  });

  it('leaves a canonical record as it is', () => {
    fc.assert(
      fc.property(record, (bytes) => {
        expect(canonicalOf(format, bytes)).toEqual(bytes);
      }),
    );
  });

  it('brings any order into the one that is sent', () => {
    fc.assert(
      fc.property(shuffled, ({ canonical, loose }) => {
        expect(check(format, loose)).not.toBe(Form.MALFORMED);
        expect(canonicalOf(format, loose)).toEqual(canonical);
      }),
    );
  });

  it('has the last one of an attribute win, and is idempotent', () => {
    fc.assert(
      fc.property(record, record, (first, last) => {
        const both = concatenate([first, last]);
        const form = canonicalOf(format, both);
        expect(check(format, both)).toBe(Form.LOOSE);
        expect(check(format, form)).toBe(Form.CANONICAL);
        expect(canonicalOf(format, form)).toEqual(form);
        for (const attribute of attributesOf(last)) {
          const type = (attribute[2]! << 8) | attribute[3]!;
          const at = findAttribute(form, 0, form.length, type);
          expect(form.slice(at, at + attribute.length)).toEqual(attribute.slice());
        }
      }),
    );
  });

  it('makes all padding zero', () => {
    fc.assert(
      fc.property(record, fc.integer({ min: 1, max: 255 }), (bytes, dirt) => {
        const dirty = concatenate(
          attributesOf(bytes).map((attribute) => {
            const length = (attribute[0]! << 8) | attribute[1]!;
            return attribute.map((byte, at) => (at >= length ? dirt : byte));
          }),
        );
        expect(canonicalOf(format, dirty)).toEqual(bytes);
      }),
    );
  });
});

describe('canonicalise', () => {
  it('leaves out a label mask that is no whole number of words', () => {
    const loose = Uint8Array.from([...KEY, ...tlv(Attr.LABELS, bytesOf(6))]);
    expect([...canonicalOf(FLOW_FORMAT, loose)]).toEqual(KEY);
  });

  it('cuts a name behind its NUL', () => {
    const loose = Uint8Array.from([...KEY, ...tlv(Attr.HELPER_NAME, [102, 0, 1, 0, 7, 7])]);
    expect([...canonicalOf(FLOW_FORMAT, loose)]).toEqual([...KEY, ...tlv(Attr.HELPER_NAME, [102, 0])]);
  });

  it('keeps the family that came last', () => {
    const loose = Uint8Array.from([...tlv(Attr.IPV6, bytesOf(32)), ...KEY]);
    expect([...canonicalOf(FLOW_FORMAT, loose)]).toEqual(KEY);
  });
});

describe.each(formats)('mergeRecords on the record of a %s', (_kind, format, record) => {
  it('is what the two together come to, the update last', () => {
    fc.assert(
      fc.property(record, record, (known, update) => {
        const out = new Uint8Array(RECORD_MAX);
        const size = mergeRecords(format, known, 0, known.length, update, 0, update.length, out, 0);
        const merged = out.slice(0, size);
        expect(merged).toEqual(canonicalOf(format, concatenate([known, update])));
        expect(check(format, merged)).toBe(Form.CANONICAL);
      }),
    );
  });

  it('changes nothing where the update brings what is known', () => {
    fc.assert(
      fc.property(record, (known) => {
        const out = new Uint8Array(RECORD_MAX + 3);
        const size = mergeRecords(format, known, 0, known.length, known, 0, known.length, out, 3);
        expect(out.slice(3, 3 + size)).toEqual(known);
      }),
    );
  });
});

describe('what lies around a record', () => {
  const placed = (bytes: Uint8Array, fill: number) => {
    const room = new Uint8Array(bytes.length + 40).fill(fill);
    room.set(bytes, 16);
    return room;
  };
  // Bytes that look like attributes now and then, so that more than the first one is read.
  const noise = fc
    .array(
      fc.oneof(
        fc.uint8Array({ maxLength: 12 }),
        fc
          .tuple(fc.integer({ min: 0, max: 34 }), fc.integer({ min: 0, max: 40 }), fc.boolean())
          .map(([type, length, lie]) =>
            Uint8Array.from(
              tlv(type, bytesOf(lie ? 4 : Math.max(0, VALUE_SIZE[type] ?? 4)), lie ? length : undefined),
            ),
          ),
      ),
      { maxLength: 8 },
    )
    .map((parts) => concatenate([KEY, ...parts]));

  it.each(formats)('does not count for a %s, and no bytes make it throw', (_kind, format) => {
    fc.assert(
      fc.property(fc.oneof(noise, fc.uint8Array({ maxLength: 80 })), (bytes) => {
        const end = 16 + bytes.length;
        const forms = [0, 0xff].map((fill) => checkRecord(format, placed(bytes, fill), 16, end));
        const room = placed(bytes, 0xff);
        const checker = new RecordChecker(format);
        // The second time by the layout, if it was learnt.
        expect(checker.check(room, 16, end)).toBe(forms[0]);
        expect(checker.check(room, 16, end)).toBe(forms[0]);
        expect(forms[0]).toBe(forms[1]);
        expect(checkRecord(format, bytes, 0, bytes.length)).toBe(forms[0]);
        if (forms[0] === Form.MALFORMED) return;
        const [quiet, loud] = [0, 0xff].map((fill) => {
          const out = new Uint8Array(RECORD_MAX);
          return out.slice(0, canonicalise(format, placed(bytes, fill), 16, end, out, 0));
        });
        expect(quiet).toEqual(loud);
        expect(checkRecord(format, quiet!, 0, quiet!.length)).toBe(Form.CANONICAL);
      }),
      { numRuns: 500 },
    );
  });
});

describe('findAttribute', () => {
  it('finds each attribute of a record, and -1 for what is not there', () => {
    const record = Uint8Array.from([9, 9, 9, 9, ...KEY, ...tlv(Attr.ZONE, [0, 7])]);
    expect(findAttribute(record, 4, record.length, Attr.IPV4)).toBe(4);
    expect(findAttribute(record, 4, record.length, Attr.L4PROTO)).toBe(16);
    expect(findAttribute(record, 4, record.length, Attr.ZONE)).toBe(24);
    expect(findAttribute(record, 4, record.length, Attr.MARK)).toBe(-1);
    expect(findAttribute(record, 4, 24, Attr.ZONE)).toBe(-1);
  });
});

describe('wireSize', () => {
  const local = tlv(Attr.LOCAL_PORT, [0, 1, 0, 2]);

  it('is the whole record where nothing of it is local', () => {
    fc.assert(
      fc.property(flow().map(encodeFlow), (record) => {
        expect(wireSize(record, 0, record.length)).toBe(record.length);
      }),
    );
  });

  it('leaves out the ports that do not travel', () => {
    fc.assert(
      fc.property(flow().map(encodeFlow), (record) => {
        const kept = concatenate([[1, 2, 3], record, local]);
        expect(wireSize(kept, 3, kept.length)).toBe(record.length);
      }),
    );
  });

  it('is not deceived by a value that looks like a local attribute', () => {
    const labels = tlv(Attr.LABELS, [...bytesOf(4), ...local]);
    const record = Uint8Array.from([...KEY, ...labels]);
    expect(wireSize(record, 0, record.length)).toBe(record.length);
  });

  it('keeps the ports readable for people', () => {
    const record = concatenate([tlv(Attr.IPV4, [10, 0, 0, 1, 10, 0, 0, 2]), tlv(Attr.L4PROTO, [47]), local]);
    expect(decodeFlow(record, 0, record.length).original.ports).toEqual({ source: 1, destination: 2 });
  });
});

describe('decodeFlow and decodeExpectation', () => {
  it('refuse an attribute that does not fit, with its place and what was expected', () => {
    const endless = Uint8Array.from([...KEY, 0, 0, 0, 5]);
    expect(() => decodeFlow(endless, 0, endless.length)).toThrow(
      'the attribute at byte 20 has 0 bytes; expected 4 to 4',
    );
    const long = Uint8Array.from([...EXPECTATION, 0, 99, 0, 5]);
    expect(() => decodeExpectation(long, 0, long.length)).toThrow(/at byte 40 has 99 bytes; expected 4 to 4/);
  });

  it('end, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        for (const decode of [decodeFlow, decodeExpectation])
          try {
            decode(bytes, 0, bytes.length);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
      }),
    );
  });
});

describe('putAttribute and stringLength', () => {
  it('writes length, type, value and zero padding, and returns the offset behind', () => {
    const out = new Uint8Array(12).fill(0xee);
    expect(putAttribute(out, 2, 0x0102, Uint8Array.of(0, 7, 8), 1, 1)).toBe(10);
    expect([...out]).toEqual([0xee, 0xee, 0, 5, 1, 2, 7, 0, 0, 0, 0xee, 0xee]);
  });

  it('counts the bytes before the first NUL, at most those it is given', () => {
    const text = Uint8Array.of(1, 2, 0, 3);
    expect(stringLength(text, 0, 4)).toBe(2);
    expect(stringLength(text, 0, 2)).toBe(2);
    expect(stringLength(text, 2, 2)).toBe(0);
    expect(stringLength(text, 0, 0)).toBe(0);
  });
});
