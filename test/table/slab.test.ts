import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK_MAX, Slab } from '../../src/table/slab.ts';

const CHUNK = 1 << 20;

describe('Slab', () => {
  it('never gives out 0, which means no block', () => {
    const slab = new Slab();
    for (let n = 0; n < 1000; n++) expect(slab.allocate(8)).not.toBe(0);
  });

  it('gives back the same block for the same size, rounded up to 8 bytes', () => {
    const slab = new Slab();
    const first = slab.allocate(92);
    const second = slab.allocate(92);
    slab.release(first, 92);
    slab.release(second, 92);
    expect(slab.allocate(96)).toBe(second);
    expect(slab.allocate(89)).toBe(first);
    expect(slab.allocate(97)).not.toBe(first);
  });

  it('knows whether a block of one size has room for another without waste', () => {
    const slab = new Slab();
    expect(slab.fits(81, 88)).toBe(true);
    expect(slab.fits(88, 89)).toBe(false);
    expect(slab.fits(88, 80)).toBe(false);
  });

  it('fits a block against the end of a chunk, and begins the next one with the first that does not fit', () => {
    const slab = new Slab();
    const size = 4096;
    let last = 0;
    // Unit 0 of the first chunk is kept back, so one block less fits.
    for (let n = 0; n < CHUNK / size - 1; n++) last = slab.allocate(size);
    expect(slab.size).toBe(CHUNK);
    expect(slab.offsetOf(last) + size).toBeLessThanOrEqual(CHUNK);
    const over = slab.allocate(size);
    expect(slab.size).toBe(2 * CHUNK);
    expect(slab.offsetOf(over)).toBe(0);
    expect(slab.chunkOf(over) === slab.chunkOf(last)).toBe(false);
  });

  it('uses what is left at the end of a chunk for a block of that size', () => {
    const slab = new Slab();
    for (let n = 0; n < CHUNK / 4096 - 1; n++) slab.allocate(4096);
    const next = slab.allocate(4096);
    const rest = slab.allocate(4088);
    expect(slab.chunkOf(rest) === slab.chunkOf(next)).toBe(false);
    expect(slab.offsetOf(rest) + 4088).toBe(CHUNK);
  });

  it('leaves blocks where they are while it grows', () => {
    const slab = new Slab();
    const ref = slab.allocate(64);
    const chunk = slab.chunkOf(ref);
    const at = slab.offsetOf(ref);
    chunk.fill(0xab, at, at + 64);
    for (let n = 0; n < 5 * (CHUNK / 4096); n++) slab.allocate(4096);
    expect(slab.chunkOf(ref) === chunk).toBe(true);
    expect(
      slab
        .chunkOf(ref)
        .subarray(at, at + 64)
        .every((byte) => byte === 0xab),
    ).toBe(true);
  });

  it('refuses a block that is too large, and goes on', () => {
    const slab = new Slab();
    expect(() => slab.allocate(BLOCK_MAX + 1)).toThrow(
      new RangeError('a block of 4097 bytes is larger than 4096'),
    );
    expect(slab.allocate(BLOCK_MAX)).not.toBe(0);
  });

  it('uses its memory again when it is cleared', () => {
    const slab = new Slab();
    const fill = () => Array.from({ length: 1000 }, () => slab.allocate(4096));
    const first = fill();
    const { size } = slab;
    expect(size).toBe(4 * CHUNK);
    slab.clear();
    expect(fill()).toEqual(first);
    expect(slab.size).toBe(size);
    for (let n = 0; n < 1000; n++) slab.allocate(4096);
    expect(slab.size).toBe(8 * CHUNK);
  });

  it('holds what was written into every block, whatever comes and goes (against a model)', {
    timeout: 60_000,
  }, () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 3900, max: BLOCK_MAX }));
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('allocate' as const), size }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('fill' as const),
          size: fc.constant(4096),
          count: fc.integer({ min: 1, max: 90 }),
        }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const slab = new Slab();
        const held: { ref: number; size: number; mark: number }[] = [];
        let mark = 0;
        const allocate = (size: number): void => {
          const ref = slab.allocate(size);
          mark = (mark % 255) + 1;
          const at = slab.offsetOf(ref);
          expect(at % 8).toBe(0);
          expect(at + size).toBeLessThanOrEqual(CHUNK);
          slab.chunkOf(ref).fill(mark, at, at + size);
          held.push({ ref, size, mark });
        };
        for (const step of steps) {
          if (step.kind === 'allocate') allocate(step.size);
          else if (step.kind === 'fill') for (let n = 0; n < step.count; n++) allocate(step.size);
          else if (held.length > 0) {
            const [block] = held.splice(step.pick % held.length, 1);
            slab.release(block!.ref, block!.size);
          }
        }
        expect(new Set(held.map(({ ref }) => ref)).size).toBe(held.length);
        for (const { ref, size, mark } of held) {
          const at = slab.offsetOf(ref);
          expect(
            slab
              .chunkOf(ref)
              .subarray(at, at + size)
              .every((byte) => byte === mark),
          ).toBe(true);
        }
      }),
      { numRuns: 25 },
    );
  });
});
