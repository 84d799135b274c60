import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignedWordsOf } from '../../src/bytes/words.ts';
import { MessageTemplates } from '../../src/kernel/codec/message-template.ts';
import { Transcoder } from '../../src/kernel/codec/transcode.ts';
import { kernelCounters, type TranscodeOptions } from '../../src/kernel/kernel.ts';
import { capturedEvents } from '../support/fixtures.ts';

const { isNative, events: messages } = capturedEvents();

const newTranscoder = (options: TranscodeOptions) => new Transcoder(options, kernelCounters());

/** All that a transcoder makes of a message: the record, and what it passes to a sink. */
function transcoded(transcoder: Transcoder, bytes: Uint8Array): unknown {
  const length = transcoder.flow(bytes, 0, bytes.length);
  if (length < 0) return length;
  const output: unknown[] = [Buffer.from(transcoder.record.subarray(0, length)).toString('hex')];
  const sink = {
    traffic: (...numbers: number[]) => output.push(numbers),
    times: (...seconds: number[]) => output.push(seconds),
  };
  transcoder.traffic(bytes, sink);
  transcoder.times(bytes, sink);
  return output;
}

const known = (
  { bytes }: { bytes: Uint8Array },
  templates = new MessageTemplates({ timeout: true, windowScale: true }),
) => {
  templates.find(alignedWordsOf(bytes), 0, bytes.length);
  return templates.find(alignedWordsOf(bytes), 0, bytes.length) !== undefined;
};

describe.skipIf(!isNative)('the template of a message', () => {
  it('is known of everyday flows', () => {
    const everyday = messages.filter((message) => known(message));
    expect(everyday.length).toBeGreaterThan(messages.length / 3);
    expect(everyday.length).toBeLessThan(messages.length);
  });

  it('makes the record that the attributes make, whatever the values and wherever a header is wrong', () => {
    const message = fc.constantFrom(...messages);
    const change = fc.record({ at: fc.nat(400), bits: fc.integer({ min: 1, max: 255 }) });
    const options = fc.record({ timeout: fc.boolean(), windowScale: fc.boolean() });
    let templated = 0;
    fc.assert(
      fc.property(message, fc.array(change, { maxLength: 3 }), options, ({ bytes }, changes, how) => {
        const transcoder = newTranscoder(how);
        transcoded(transcoder, bytes);
        const other = bytes.slice();
        for (const { at, bits } of changes) other[20 + (at % (other.length - 20))]! ^= bits;
        expect(transcoded(transcoder, other)).toEqual(transcoded(newTranscoder(how), other));
        const templates = new MessageTemplates(how);
        templates.find(alignedWordsOf(bytes), 0, bytes.length);
        if (changes.length > 0 && templates.find(alignedWordsOf(other), 0, other.length) !== undefined)
          templated++;
      }),
      { numRuns: 5000 },
    );
    // So many of the changed messages still had a layout that was known.
    expect(templated).toBeGreaterThan(300);
  });

  it('holds for the messages that come after one another, of whatever layouts', () => {
    const how = { timeout: true, windowScale: true };
    const transcoder = newTranscoder(how);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...messages), { minLength: 1, maxLength: 40 }), (sequence) => {
        for (const { bytes } of sequence)
          expect(transcoded(transcoder, bytes)).toEqual(transcoded(newTranscoder(how), bytes));
      }),
    );
  });

  it('is learnt again when other messages of that length come', () => {
    const templates = new MessageTemplates({ timeout: true, windowScale: true });
    const udp = messages.find((message) => known(message) && message.bytes[20 + 4 + 20 + 4 + 4] === 17)!;
    const other = udp.bytes.slice();
    // The protocol, a value that the layout depends on.
    other[20 + 4 + 20 + 4 + 4] = 132;
    expect(known(udp, templates)).toBe(true);
    expect(known({ bytes: other }, templates)).toBe(false);
    for (let n = 0; n < 100; n++) templates.find(alignedWordsOf(other), 0, other.length);
    expect(known({ bytes: other }, templates)).toBe(true);
    expect(known(udp, templates)).toBe(false);
  });
});
