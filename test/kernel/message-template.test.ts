import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignedWordsOf } from '../../src/bytes/words.ts';
import { MessageTemplates } from '../../src/kernel/codec/message-template.ts';
import { Transcoder } from '../../src/kernel/codec/transcode.ts';
import { kernelCounters, type TranscodeOptions } from '../../src/kernel/kernel.ts';
import { capturedEvents } from '../support/fixtures.ts';

const { isNative, events: messages } = capturedEvents();

const newTranscoder = (options: TranscodeOptions) => new Transcoder(options, kernelCounters());

/** All that a transcoder says of a message: the record, and what it tells a sink. */
function told(transcoder: Transcoder, bytes: Uint8Array): unknown {
  const length = transcoder.flow(bytes, 0, bytes.length);
  if (length < 0) return length;
  const said: unknown[] = [Buffer.from(transcoder.record.subarray(0, length)).toString('hex')];
  const sink = {
    traffic: (...numbers: number[]) => said.push(numbers),
    times: (...seconds: number[]) => said.push(seconds),
  };
  transcoder.traffic(bytes, sink);
  transcoder.times(bytes, sink);
  return said;
}

const known = (
  { bytes }: { bytes: Uint8Array },
  shapes = new MessageTemplates({ timeout: true, windowScale: true }),
) => {
  shapes.find(alignedWordsOf(bytes), 0, bytes.length);
  return shapes.find(alignedWordsOf(bytes), 0, bytes.length) !== undefined;
};

describe.skipIf(!isNative)('the shape of a message', () => {
  it('is known of everyday flows', () => {
    const everyday = messages.filter((message) => known(message));
    expect(everyday.length).toBeGreaterThan(messages.length / 3);
    expect(everyday.length).toBeLessThan(messages.length);
  });

  it('makes the record that the attributes make, whatever the values and wherever a header is wrong', () => {
    const message = fc.constantFrom(...messages);
    const change = fc.record({ at: fc.nat(400), bits: fc.integer({ min: 1, max: 255 }) });
    const options = fc.record({ timeout: fc.boolean(), windowScale: fc.boolean() });
    let shaped = 0;
    fc.assert(
      fc.property(message, fc.array(change, { maxLength: 3 }), options, ({ bytes }, changes, how) => {
        const transcoder = newTranscoder(how);
        told(transcoder, bytes);
        const other = bytes.slice();
        for (const { at, bits } of changes) other[20 + (at % (other.length - 20))]! ^= bits;
        expect(told(transcoder, other)).toEqual(told(newTranscoder(how), other));
        const shapes = new MessageTemplates(how);
        shapes.find(alignedWordsOf(bytes), 0, bytes.length);
        if (changes.length > 0 && shapes.find(alignedWordsOf(other), 0, other.length) !== undefined) shaped++;
      }),
      { numRuns: 5000 },
    );
    // So many of the changed messages still were of the shape that was known.
    expect(shaped).toBeGreaterThan(300);
  });

  it('holds for the messages that come after one another, of whatever shapes', () => {
    const how = { timeout: true, windowScale: true };
    const transcoder = newTranscoder(how);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...messages), { minLength: 1, maxLength: 40 }), (sequence) => {
        for (const { bytes } of sequence)
          expect(told(transcoder, bytes)).toEqual(told(newTranscoder(how), bytes));
      }),
    );
  });

  it('is learnt again when other messages of that length come', () => {
    const shapes = new MessageTemplates({ timeout: true, windowScale: true });
    const udp = messages.find((message) => known(message) && message.bytes[20 + 4 + 20 + 4 + 4] === 17)!;
    const other = udp.bytes.slice();
    // The protocol, a value that the shape depends on.
    other[20 + 4 + 20 + 4 + 4] = 132;
    expect(known(udp, shapes)).toBe(true);
    expect(known({ bytes: other }, shapes)).toBe(false);
    for (let n = 0; n < 100; n++) shapes.find(alignedWordsOf(other), 0, other.length);
    expect(known({ bytes: other }, shapes)).toBe(true);
    expect(known(udp, shapes)).toBe(false);
  });
});
