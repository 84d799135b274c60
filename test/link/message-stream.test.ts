import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MessageStream, RESYNC_BYTES_MAX } from '../../src/link/message-stream.ts';
import { MESSAGE_MAX } from '../../src/wire/collector.ts';
import { Framing, frameAt } from '../../src/wire/datagram.ts';
import { Flag, HEADER_SIZE, lengthOf, MessageType, RANGE_SIZE, writeHeader } from '../../src/wire/header.ts';

function message(type: number, flags: number, size: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(sequence & 0xff);
  writeHeader(bytes, 0, type, flags, size, sequence);
  return bytes;
}

const alive = (sequence: number) => message(MessageType.CONTROL, Flag.ALIVE, HEADER_SIZE, sequence);

/** A stream with what it gave: message by message, and whatever was none. */
function listen() {
  const messages: Uint8Array[] = [];
  const rests: Uint8Array[] = [];
  const stretches: Uint8Array[] = [];
  const stream = new MessageStream((bytes, start, end) => {
    stretches.push(bytes.slice(start, end));
    for (let at = start; at < end; at += lengthOf(bytes, at)) {
      if (frameAt(bytes, at, end) !== Framing.MESSAGE) {
        rests.push(bytes.slice(at, end));
        break;
      }
      messages.push(bytes.slice(at, at + lengthOf(bytes, at)));
    }
  });
  return { stream, messages, rests, stretches };
}

/** As text: arrays of thousands of bytes take long to compare. */
const texts = (parts: readonly Uint8Array[]) => parts.map((part) => Buffer.from(part).toString('latin1'));

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Cuts at these places, given as parts of the whole. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => Math.floor(place * bytes.length)), bytes.length];
  at.sort((a, b) => a - b);
  return at.slice(1).map((end, n) => bytes.slice(at[n], end));
}

const anyMessage = fc
  .tuple(
    fc.constantFrom(
      { type: MessageType.CT_NEW, flags: 0, least: HEADER_SIZE },
      { type: MessageType.EXP_DEL, flags: Flag.HELLO, least: HEADER_SIZE },
      { type: MessageType.CONTROL, flags: Flag.ALIVE, least: HEADER_SIZE },
      { type: MessageType.CONTROL, flags: Flag.ACK | Flag.HELLO_BACK, least: RANGE_SIZE },
      { type: MessageType.CONTROL, flags: Flag.ACK | Flag.TELLS_ANSWERED, least: RANGE_SIZE },
      { type: MessageType.CONTROL, flags: Flag.ACK | Flag.ANSWERED, least: RANGE_SIZE },
      { type: MessageType.CONTROL, flags: Flag.ALIVE | Flag.ANSWERED, least: RANGE_SIZE },
    ),
    fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: MESSAGE_MAX - RANGE_SIZE }) },
    ),
    fc.nat(),
  )
  .map(([{ type, flags, least }, more, sequence]) => message(type, flags, least + more, sequence));

const anyPlaces = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 });

describe('the messages of a stream', () => {
  test('come whole and in order, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 20 }), anyPlaces, (sent, places) => {
        const { stream, messages, rests } = listen();
        for (const segment of cut(join(sent), places)) expect(stream.take(segment)).toBe(true);
        expect(texts(messages)).toEqual(texts(sent));
        expect(rests).toEqual([]);
        expect(stream.pending).toBe(0);
      }),
    );
  });

  test('come byte by byte', () => {
    const sent = [alive(1), message(MessageType.CONTROL, Flag.NACK, RANGE_SIZE, 2), alive(3)];
    const { stream, messages } = listen();
    for (const byte of join(sent)) stream.take(Uint8Array.of(byte));
    expect(texts(messages)).toEqual(texts(sent));
  });

  test('are not passed on before they are complete, and then immediately', () => {
    const { stream, messages } = listen();
    const last = message(MessageType.CT_UPD, 0, MESSAGE_MAX, 2);
    stream.take(join([alive(1), last.subarray(0, MESSAGE_MAX - 1)]));
    expect(messages).toEqual([alive(1)]);
    expect(stream.pending).toBe(MESSAGE_MAX - 1);
    stream.take(last.subarray(MESSAGE_MAX - 1));
    expect(texts(messages)).toEqual(texts([alive(1), last]));
  });

  test('come as one stretch where one segment brings several', () => {
    const stretches: number[] = [];
    const stream = new MessageStream((_bytes, start, end) => stretches.push(end - start));
    stream.take(join([alive(1), alive(2), alive(3), alive(4).subarray(0, 5)]));
    expect(stretches).toEqual([24]);
  });
});

const NO_HEADERS = {
  'a length of 0': message(MessageType.CT_NEW, 0, 8, 9).with(3, 0),
  'a length below a header': message(MessageType.CT_NEW, 0, 8, 9).with(3, 7),
  'an ACK without a range': message(MessageType.CONTROL, Flag.ACK, 8, 9).with(3, 15),
  'another version, and a length that promises much': message(MessageType.CT_NEW, 0, 8, 9)
    .with(0, 0x20)
    .with(2, 0xff),
  'a type that is none': message(7, 0, 8, 9),
  'a flag that is none': message(MessageType.CT_NEW, 0x80, 8, 9),
  'an ANSWERED that answers nothing': message(MessageType.CONTROL, Flag.ANSWERED | Flag.HELLO, 8, 9),
  'a control message that controls nothing': message(MessageType.CONTROL, 0, 8, 9),
};

describe.each(Object.entries(NO_HEADERS))('where a header should be stands %s:', (_name, header) => {
  test('its reader gets the bytes, and what comes before and after it in one segment is found', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 5 }), (before) => {
        const { stream, messages, rests, stretches } = listen();
        const behind = [alive(1), alive(2), message(MessageType.CT_DEL, 0, 100, 3)];
        expect(stream.take(join([...before, header, ...behind]))).toBe(true);
        expect(stretches.some((stretch) => texts([stretch])[0] === texts([header])[0])).toBe(true);
        const good = texts(messages).filter((text) => text !== texts([header])[0]);
        expect(good).toEqual(texts([...before, ...behind]));
        expect(rests.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('messages are found again, wherever it was cut', () => {
    for (let place = 0; place <= 8; place++) {
      const { stream, messages } = listen();
      const bytes = join([alive(1), header]);
      expect(stream.take(bytes.subarray(0, 8 + place))).toBe(true);
      expect(stream.take(bytes.subarray(8 + place))).toBe(true);
      expect(stream.take(join([alive(2), alive(3)]))).toBe(true);
      expect(texts(messages)).toEqual(expect.arrayContaining(texts([alive(1), alive(2), alive(3)])));
    }
  });
});

/** How many messages of these sizes, one behind the other, begin before this place. */
function countBeginningBefore(place: number, sizes: readonly number[]): number {
  let [count, at] = [0, 0];
  for (; count < sizes.length && at < place; count++) at += sizes[count]!;
  return count;
}

describe('what a sender leaves out in the middle of a message', () => {
  test('costs that message and the next ones that it swallows, but no later ones', () => {
    const sized = fc.integer({ min: 8, max: 40 }).map((words) => 4 * words);
    fc.assert(
      fc.property(
        fc.array(sized, { minLength: 30, maxLength: 60 }),
        // Its length is there: a cut before that makes a length of what follows.
        fc.integer({ min: 4, max: 119 }),
        anyPlaces,
        (sizes, kept, places) => {
          const sent = sizes.map((size, n) => {
            const bytes = message(MessageType.CT_UPD, 0, size, n);
            return bytes.fill(0x0c, HEADER_SIZE);
          });
          const broken = 5;
          const whole = sent.map((bytes, n) => (n === broken ? bytes.subarray(0, kept) : bytes));
          const { stream, messages } = listen();
          for (const segment of cut(join(whole), places)) {
            expect(stream.take(segment)).toBe(true);
          }
          const found = new Set(texts(messages));
          const missing = texts(sent).filter((text) => !found.has(text));
          const cutOff = sizes[broken]! - kept;
          // Each segment that ends before messages were found again costs what is left of it.
          const costs = 1 + countBeginningBefore(cutOff, sizes.slice(broken + 1)) + 2 * places.length;
          expect(missing.length).toBeLessThanOrEqual(cutOff > 0 ? costs : 0);
        },
      ),
    );
  });
});

describe('a stream without messages', () => {
  test.each([0, 0x10, 0xff])('of %i is given up, and before that takes no more memory', (byte) => {
    const { stream } = listen();
    const segment = new Uint8Array(1000).fill(byte);
    let segments = 0;
    while (stream.take(segment)) expect(++segments).toBeLessThan((3 * MESSAGE_MAX) / 1000);
    expect(segments * 1000).toBeGreaterThan(RESYNC_BYTES_MAX - 2000);
  });

  test('whatever comes, nothing is thrown, and no more waits than one message', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 30 }), (segments) => {
        const { stream } = listen();
        for (const segment of segments) {
          stream.take(segment);
          expect(stream.pending).toBeLessThan(MESSAGE_MAX);
        }
      }),
    );
  });
});
