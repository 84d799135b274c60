import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { u32 } from '../../sim/fuzz/generators.ts';
import { Collector } from '../../src/wire/collector.ts';
import { Framing, frameAt } from '../../src/wire/datagram.ts';
import {
  carriesRange,
  Flag,
  flagsOf,
  HEADER_SIZE,
  isData,
  lengthOf,
  MessageType,
  sequenceOf,
  typeOf,
  VERSION,
  versionOf,
  writeHeader,
} from '../../src/wire/header.ts';
import { after, before, next, previous, span } from '../../src/wire/sequence.ts';

function message(type: number, flags: number, length: number, size = length): Uint8Array {
  const bytes = new Uint8Array(Math.max(size, HEADER_SIZE));
  writeHeader(bytes, 0, type, flags, length, 7);
  return bytes.subarray(0, size);
}

describe('frameAt', () => {
  const { CT_NEW, CONTROL } = MessageType;
  it.each([
    ['nothing', new Uint8Array(0), Framing.END],
    ['a header alone', message(CT_NEW, 0, 8), Framing.MESSAGE],
    ['a record', message(CT_NEW, 0, 60), Framing.MESSAGE],
    ['a message and the beginning of another', message(CT_NEW, 0, 8, 12), Framing.MESSAGE],
    ['7 bytes', message(CT_NEW, 0, 8, 7), Framing.TRUNCATED],
    ['1 byte', message(CT_NEW, 0, 8, 1), Framing.TRUNCATED],
    ['a length of 0', message(CT_NEW, 0, 0, 8), Framing.BAD_SIZE],
    ['a length of 7', message(CT_NEW, 0, 7, 8), Framing.BAD_SIZE],
    ['a length beyond the end', message(CT_NEW, 0, 13, 12), Framing.BAD_SIZE],
    ['ALIVE', message(CONTROL, Flag.ALIVE, 8), Framing.MESSAGE],
    ['ACK', message(CONTROL, Flag.ACK, 16), Framing.MESSAGE],
    ['ACK of 15 bytes', message(CONTROL, Flag.ACK, 15), Framing.TRUNCATED],
    ['NACK of 8 bytes, and nothing behind', message(CONTROL, Flag.NACK, 8), Framing.TRUNCATED],
    ['NACK of 8 bytes, and more behind', message(CONTROL, Flag.NACK, 8, 16), Framing.BAD_SIZE],
    ['RESYNC of 8 bytes, and more behind', message(CONTROL, Flag.RESYNC, 8, 24), Framing.BAD_SIZE],
    ['RESYNC', message(CONTROL, Flag.RESYNC, 16), Framing.MESSAGE],
    ['ACK that is longer than its range', message(CONTROL, Flag.ACK, 20), Framing.MESSAGE],
    ['a data message with the flag of an ACK', message(CT_NEW, Flag.ACK, 8), Framing.MESSAGE],
  ])('%s', (_what, bytes, framing) => {
    expect(frameAt(bytes, 0, bytes.length)).toBe(framing);
  });

  it('walks any bytes to an end, whatever lies around them', () => {
    const walk = (bytes: Uint8Array, from: number, end: number) => {
      const steps: number[] = [];
      let at = from;
      for (let framing = frameAt(bytes, at, end); ; framing = frameAt(bytes, at, end)) {
        steps.push(framing);
        if (framing !== Framing.MESSAGE) return steps;
        expect(lengthOf(bytes, at)).toBeGreaterThanOrEqual(HEADER_SIZE);
        at += lengthOf(bytes, at);
        expect(at).toBeLessThanOrEqual(end);
      }
    };
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc
        .tuple(fc.constantFrom(0, 2, 5, 10, 15), fc.nat(255), fc.nat(40), fc.nat(40))
        .map(([type, flags, length, size]) => message(type, flags, length, size)),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const bytes = Uint8Array.from(parts.flatMap((each) => [...each]));
        const walks = [0, 0xff].map((fill) => {
          const room = new Uint8Array(bytes.length + 80).fill(fill);
          room.set(bytes, 40);
          return walk(room, 40, 40 + bytes.length);
        });
        expect(walks[0]).toEqual(walks[1]);
        expect(walk(bytes, 0, bytes.length)).toEqual(walks[0]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a header', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.nat(15), fc.nat(255), fc.nat(0xffff), u32(), (type, flags, length, sequence) => {
        const bytes = new Uint8Array(HEADER_SIZE + 1);
        writeHeader(bytes, 1, type, flags, length, sequence);
        expect([
          versionOf(bytes, 1),
          typeOf(bytes, 1),
          flagsOf(bytes, 1),
          lengthOf(bytes, 1),
          sequenceOf(bytes, 1),
        ]).toEqual([VERSION, type, flags, length, sequence]);
      }),
    );
  });

  it('carries a range in ACK, NACK and RESYNC, whatever their other flags', () => {
    for (const flag of [Flag.ACK, Flag.NACK, Flag.RESYNC]) {
      expect(carriesRange(MessageType.CONTROL, flag | Flag.HELLO)).toBe(true);
      expect(carriesRange(MessageType.CT_NEW, flag)).toBe(false);
    }
    expect(carriesRange(MessageType.CONTROL, Flag.ALIVE | Flag.HELLO_BACK)).toBe(false);
  });

  it('is one of data with a type up to 5 and no flag but HELLO and HELLO_BACK', () => {
    const data: string[] = [];
    for (let type = 0; type < 16; type++) {
      for (let bit = 0; bit < 8; bit++) if (isData(type, 1 << bit)) data.push(`${type}:${1 << bit}`);
    }
    expect(data).toEqual(
      [0, 1, 2, 3, 4, 5].flatMap((type) => [`${type}:${Flag.HELLO}`, `${type}:${Flag.HELLO_BACK}`]),
    );
    expect(isData(MessageType.EXP_DEL, 0)).toBe(true);
    expect(isData(6, 0)).toBe(false);
  });
});

describe('Collector', () => {
  /** Collects messages of these sizes, each filled with its index, and returns the datagrams. */
  function collect(limit: number, sizes: readonly number[]): number[][] {
    const sent: number[][] = [];
    const collector = new Collector(limit, (bytes, length) => sent.push([...bytes.subarray(0, length)]));
    sizes.forEach((size, index) => {
      const at = collector.reserve(size);
      collector.bytes.fill(index & 0xff, at, at + size);
    });
    collector.flush();
    return sent;
  }

  it('stays strictly below the limit', () => {
    expect(collect(100, [40, 59]).map((datagram) => datagram.length)).toEqual([99]);
    expect(collect(100, [40, 60]).map((datagram) => datagram.length)).toEqual([40, 60]);
  });

  it('sends what reaches the limit by itself alone', () => {
    expect(collect(100, [10, 100, 10, 10]).map((datagram) => datagram.length)).toEqual([10, 100, 20]);
    expect(collect(100, [65_535, 65_535]).map((datagram) => datagram.length)).toEqual([65_535, 65_535]);
  });

  it('loses nothing, changes no order, and exceeds the limit with a single message only', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 9, max: 300 }),
        fc.array(fc.integer({ min: 8, max: 320 }), { maxLength: 30 }),
        (limit, sizes) => {
          const sent = collect(limit, sizes);
          expect(sent.flat()).toEqual(sizes.flatMap((size, index) => new Array<number>(size).fill(index)));
          for (const datagram of sent) {
            if (datagram.length >= limit) expect(new Set(datagram).size).toBe(1);
          }
        },
      ),
    );
  });

  it('sends nothing where nothing was collected, and nothing twice', () => {
    const lengths: number[] = [];
    const collector = new Collector(100, (_bytes, length) => lengths.push(length));
    collector.flush();
    collector.reserve(20);
    collector.flush();
    collector.flush();
    expect(lengths).toEqual([20]);
  });

  it('sends what it has before it keeps to another limit', () => {
    const lengths: number[] = [];
    const collector = new Collector(100, (_bytes, length) => lengths.push(length));
    collector.reserve(20);
    collector.setLimit(100);
    expect(lengths).toEqual([]);
    collector.setLimit(30);
    collector.reserve(20);
    collector.reserve(10);
    collector.flush();
    expect(lengths).toEqual([20, 20, 10]);
  });
});

describe('sequence numbers', () => {
  it('go on at 0 after 2^32 - 1', () => {
    expect(next(0xffff_ffff)).toBe(0);
    expect(previous(0)).toBe(0xffff_ffff);
    expect(before(0xffff_ffff, 0)).toBe(true);
    expect(after(0, 0xffff_ffff)).toBe(true);
    expect(span(0xffff_fffe, 1)).toBe(4);
  });

  it('compare by the shorter way round', () => {
    fc.assert(
      fc.property(u32(), fc.integer({ min: 1, max: 0x7fff_ffff }), (sequence, distance) => {
        const later = (sequence + distance) >>> 0;
        expect(before(sequence, later)).toBe(true);
        expect(before(later, sequence)).toBe(false);
        expect(after(later, sequence)).toBe(true);
        expect(after(sequence, later)).toBe(false);
        expect(span(sequence, later)).toBe(distance + 1);
      }),
    );
  });

  it('are neither before nor after themselves, and have one neighbour on either side', () => {
    fc.assert(
      fc.property(u32(), (sequence) => {
        expect(before(sequence, sequence) || after(sequence, sequence)).toBe(false);
        expect(previous(next(sequence))).toBe(sequence);
        expect(before(sequence, next(sequence))).toBe(true);
        expect(span(sequence, sequence)).toBe(1);
      }),
    );
  });
});
