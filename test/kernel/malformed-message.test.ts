import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeNativeU16 } from '../../src/bytes/endian.ts';
import { explainMalformed } from '../../src/kernel/codec/malformed-message.ts';
import { MALFORMED, Transcoder } from '../../src/kernel/codec/transcode.ts';
import { kernelCounters } from '../../src/kernel/kernel.ts';
import { HEADERS } from '../../src/system/netlink.ts';
import { capturedEvents } from '../support/fixtures.ts';

const { isNative, events } = capturedEvents();
const messages = events.map(({ bytes }) => bytes);
const transcoder = () => new Transcoder({ timeout: true, windowScale: true }, kernelCounters());

describe.skipIf(!isNative)('the explanation of a malformed message', () => {
  const [first] = messages as [Uint8Array, ...Uint8Array[]];

  it('is undefined for every message of the kernel', () => {
    for (const bytes of messages) expect(explainMalformed('flow', bytes, 0, bytes.length)).toBeUndefined();
  });

  it('names the nested attribute, its offset, its size and the expected size', () => {
    const bytes = first.slice();
    // CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_IP_V4_SRC, each behind the header of the one before.
    writeNativeU16(bytes, HEADERS + 8, 4 + 3);
    expect(explainMalformed('flow', bytes, 0, bytes.length)).toBe(
      `CTA_TUPLE_ORIG > CTA_TUPLE_IP > CTA_IP_V4_SRC at offset ${HEADERS + 8}: 3 bytes, expected at least 4`,
    );
  });

  it('names the attribute that is longer than what holds it', () => {
    const bytes = first.slice();
    writeNativeU16(bytes, HEADERS + 8, 200);
    expect(explainMalformed('flow', bytes, 0, bytes.length)).toMatch(
      /^CTA_TUPLE_ORIG > CTA_TUPLE_IP > CTA_IP_V4_SRC at offset 28: length 200, expected 4 to 16$/,
    );
  });

  it('names the missing attribute, and reports cut headers', () => {
    expect(explainMalformed('flow', first, 0, HEADERS)).toBe('CTA_TUPLE_ORIG is missing');
    expect(explainMalformed('flow', first, 0, 18)).toBe(
      'message of 18 bytes, expected at least 20 for its headers',
    );
  });

  it('is there exactly when the transcoder refuses a truncated message', () => {
    const to = transcoder();
    for (const bytes of messages) {
      for (let end = 0; end <= bytes.length; end++) {
        const refused = to.flow(bytes, 0, end) === MALFORMED;
        expect(explainMalformed('flow', bytes, 0, end) !== undefined).toBe(refused);
      }
    }
  });

  it('is there exactly when the transcoder refuses a corrupted message, as a flow or as an expectation', () => {
    const to = transcoder();
    const corruption = fc.tuple(fc.nat(1000), fc.nat(255));
    fc.assert(
      fc.property(
        fc.constantFrom(...messages),
        fc.array(corruption, { minLength: 1, maxLength: 4 }),
        (message, corruptions) => {
          const bytes = message.slice();
          for (const [at, byte] of corruptions) bytes[HEADERS + (at % (bytes.length - HEADERS))] = byte;
          const { length } = bytes;
          const refused = to.flow(bytes, 0, length) === MALFORMED;
          expect(explainMalformed('flow', bytes, 0, length) !== undefined).toBe(refused);
          const refusedExpectation = to.expectation(bytes, 0, length) === MALFORMED;
          expect(explainMalformed('expectation', bytes, 0, length) !== undefined).toBe(refusedExpectation);
        },
      ),
      {
        numRuns: 2000,
        // A tuple that swallows the next one, so that it has two of each part, the first of them wrong.
        examples: [
          [
            first,
            [
              [36, 0],
              [0, 212],
            ],
          ],
        ],
      },
    );
  });
});
