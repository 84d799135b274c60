import { MessageStream } from '../../../src/link/message-stream.ts';
import { MESSAGE_MAX } from '../../../src/wire/collector.ts';
import { Random } from '../../random.ts';
import { generatedDatagrams } from '../generated-datagrams.ts';
import { fateOf, lengthAt } from '../reference.ts';
import { capturedDatagrams } from '../seeds.ts';
import { ensure, hashOf, type Target } from '../target.ts';

/** A TCP stream, cut into segments at any place. */
export class StreamTarget implements Target {
  readonly name = 'stream';
  readonly grammar = 'datagram';
  readonly weight = 8;
  private readonly segment = new Uint8Array(2 * MESSAGE_MAX);
  /** What came out, back to back. */
  private readonly out = new Uint8Array(4 * MESSAGE_MAX);
  private outLength = 0;
  private segments = 0;

  seeds(random: Random): readonly Uint8Array[] {
    return [...capturedDatagrams(), ...generatedDatagrams(random, 50)];
  }

  run(input: Uint8Array, length: number): number {
    const random = Random.forStream(hashOf(input, 0, length));
    const whole = isWhole(input, length);
    const taken = this.stream(input, length, random);
    // What looked like the beginning of a header goes out with the bytes that show that it is none.
    const most = length + 7 * this.segments;
    ensure(this.outLength <= most, () => `${length} bytes came in, ${this.outLength} out`);
    if (!whole) return 1;
    ensure(taken, () => 'a stream of whole messages is given up');
    ensure(
      this.outLength === length && hashOf(this.out, 0, length) === hashOf(input, 0, length),
      () => 'the messages of a stream are not the messages that were put in',
    );
    return 1;
  }

  private stream(input: Uint8Array, length: number, random: Random): boolean {
    this.outLength = 0;
    this.segments = 0;
    const stream = new MessageStream((bytes, start, end) => {
      ensure(start <= end && start >= 0 && end <= bytes.length, () => `a stretch from ${start} to ${end}`);
      ensure(this.outLength + end - start <= this.out.length, () => 'more comes out than came in');
      for (let at = start; at < end; at++) this.out[this.outLength++] = bytes[at]!;
    });
    const most = Math.max(random.pick([1, 3, 8, 40, 1460]), length >> 6);
    let taken = true;
    for (let at = 0; at < length && taken; ) {
      const size = Math.min(length - at, random.between(1, most));
      // The memory behind the segment is not the stream's: it is something else each time.
      this.segment.fill(random.u32(), size, size + 16);
      for (let n = 0; n < size; n++) this.segment[n] = input[at + n]!;
      taken = stream.take(this.segment.subarray(0, size));
      this.segments++;
      at += size;
      ensure(stream.pending < MESSAGE_MAX, () => `${stream.pending} bytes of one message are kept`);
    }
    return taken;
  }
}

const CONTROL_KNOWN = 2 + 4 + 8 + 16 + 32 + 64;

/** True for messages that a node may have sent, one behind the other and the last one whole. */
function isWhole(bytes: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at += lengthAt(bytes, at)) {
    const fate = fateOf(bytes, at, length, 'ftfw');
    if (fate !== 'data' && fate !== 'control') return false;
    if (fate === 'control' && (bytes[at + 1]! & ~CONTROL_KNOWN) !== 0) return false;
  }
  return length > 0;
}
