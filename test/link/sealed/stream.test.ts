import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { linkKey } from '../../../src/link/sealed/key.ts';
import { AcceptedSeal, ConnectingSeal, RECORD_OVERHEAD } from '../../../src/link/sealed/stream.ts';

const key = (n: number) => linkKey(new Uint8Array(32).fill(n));
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** The accepting end, and what it was given. */
class Accepting {
  readonly heard: string[] = [];
  readonly seal: AcceptedSeal;

  constructor(...keys: number[]) {
    this.seal = new AcceptedSeal(keys.map(key), randomBytes, {
      proved: () => this.heard.push('proved'),
      datagram: (bytes, start, end) => this.heard.push(new TextDecoder().decode(bytes.subarray(start, end))),
    });
  }
}

/** A connection whose ends have greeted each other; `stream` is what the connecting end sends. */
function connected(connectingKeys: number[], acceptingKeys: number[]) {
  const connecting = new ConnectingSeal(connectingKeys.map(key), randomBytes);
  const accepting = new Accepting(...acceptingKeys);
  expect(connecting.receive(accepting.seal.opening)).toBeUndefined();
  expect(connecting.isOpen).toBe(true);
  const stream = (...texts: string[]) =>
    Buffer.concat([
      connecting.opening,
      connecting.seal(),
      ...texts.map((text) => connecting.seal(bytesOf(text))),
    ]);
  return { connecting, accepting, stream };
}

describe('a sealed connection', () => {
  test('carries datagrams in order, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1 })),
        fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
        (texts, cuts) => {
          const { accepting, stream } = connected([1], [1]);
          const bytes = stream(...texts);
          for (let at = 0; at < bytes.length; ) {
            const size = cuts.next().value!;
            expect(accepting.seal.take(bytes.subarray(at, at + size))).toBeUndefined();
            at += size;
          }
          expect(accepting.heard).toEqual([
            'proved',
            ...texts.map((text) => new TextDecoder().decode(bytesOf(text))),
          ]);
        },
      ),
    );
  });

  test('shows nothing in the clear, and adds the same to each datagram', () => {
    const { connecting } = connected([1], [1]);
    const record = connecting.seal(bytesOf('a secret'));
    expect(record.length).toBe('a secret'.length + RECORD_OVERHEAD);
    expect(Buffer.from(record).includes('secret')).toBe(false);
  });

  test('uses the key of the connecting end, which the other must have', () => {
    for (const [ours, theirs] of [
      [
        [1, 2],
        [2, 1],
      ],
      [
        [2, 1],
        [1, 2],
      ],
    ] as const) {
      const { accepting, stream } = connected([...ours], [...theirs]);
      expect(accepting.seal.take(stream('text'))).toBeUndefined();
      expect(accepting.heard).toEqual(['proved', 'text']);
      expect(accepting.seal.keyId).toBe(key(ours[0]).id);
    }
  });

  test('is refused by both ends where they have other keys', () => {
    const connecting = new ConnectingSeal([key(1)], randomBytes);
    const accepting = new Accepting(2);
    expect(connecting.receive(accepting.seal.opening)).toBe('other-key');
    expect(accepting.seal.take(connecting.opening)).toBe('other-key');
    expect(accepting.heard).toEqual([]);
  });

  test('is refused without a seal, with its first byte', () => {
    expect(new Accepting(1).seal.take(Uint8Array.of(0x1a))).toBe('unsealed');
    expect(new ConnectingSeal([key(1)], randomBytes).receive(Uint8Array.of(0x1a))).toBe('unsealed');
  });

  test('ends with the first byte that somebody changed, and gives nothing of it', () => {
    const { connecting } = connected([1], [1]);
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const { accepting, stream } = connected([1], [1]);
        const bytes = stream('one', 'two', 'three');
        const at = place % bytes.length;
        bytes[at]! ^= change;
        accepting.seal.take(bytes);
        const whole = ['proved', 'one', 'two', 'three'];
        expect(accepting.heard.length).toBeLessThan(whole.length);
        expect(accepting.heard).toEqual(whole.slice(0, accepting.heard.length));
      }),
    );
    expect(connecting.isOpen).toBe(true);
  });

  test('played back to another one opens nothing, nor does a record left out, repeated or sent back', () => {
    const { connecting, accepting } = connected([1], [1]);
    const [first, one, two] = [
      connecting.seal(),
      connecting.seal(bytesOf('one')),
      connecting.seal(bytesOf('two')),
    ];
    const recording = Buffer.concat([connecting.opening, first!, one!, two!]);
    expect(accepting.seal.take(recording)).toBeUndefined();
    const later = new Accepting(1);
    expect(later.seal.take(recording)).toBe('forged');
    expect(later.heard).toEqual([]);
    expect(accepting.seal.take(two!)).toBe('forged');
    expect(connecting.receive(connecting.opening)).toBeUndefined();
    const itself = new ConnectingSeal([key(1)], randomBytes);
    expect(itself.receive(itself.opening)).toBe('replayed');
    expect(itself.isOpen).toBe(false);
  });
});
