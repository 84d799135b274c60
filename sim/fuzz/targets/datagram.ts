import { messagesIn } from '../../../src/cli/capture/messages.ts';
import { kindOf, MessageKind } from '../../../src/sync/message-kind.ts';
import { Framing, frameAt } from '../../../src/wire/datagram.ts';
import { lengthOf, typeOf, VERSION, versionOf } from '../../../src/wire/header.ts';
import { checkRecord, EXPECTATION_FORMAT, FLOW_FORMAT, Form } from '../../../src/wire/record.ts';
import type { Random } from '../../random.ts';
import { generatedDatagrams } from '../generated-datagrams.ts';
import { fateOf, lengthAt, type MessageFate, ReferenceReader } from '../reference.ts';
import { capturedDatagrams } from '../seeds.ts';
import { ensure, GuardedInput, mixed, type Target } from '../target.ts';

/** Decoding for people costs as much as fifty checks: done with one datagram in so many. */
const DECODE_EVERY = 256;

/** Framing, headers and payloads of a datagram, and what `decode` makes of it. */
export class DatagramTarget implements Target {
  readonly name = 'datagram';
  readonly grammar = 'datagram';
  readonly weight = 120;
  private readonly surrounded = new GuardedInput();
  private readonly readers = [new ReferenceReader('flow'), new ReferenceReader('expectation')] as const;
  private cases = 0;

  seeds(random: Random): readonly Uint8Array[] {
    return [...capturedDatagrams(), ...generatedDatagrams(random, 100)];
  }

  run(input: Uint8Array, length: number): number {
    const { surrounded } = this;
    surrounded.place(input, length);
    const { start, end } = surrounded;
    const [one, other] = surrounded.memories;
    let expected = 0;
    for (let at = start; at < end; ) {
      const fate = fateOf(one, at, end, 'ftfw');
      expected = mixed(expected, this.expectedAt(one, at, fate));
      if (fate === 'truncated' || fate === 'bad size') break;
      at += lengthAt(one, at);
    }
    const found = digest(one, start, end);
    ensure(found === digest(other, start, end), () => 'a message depends on bytes outside the datagram');
    ensure(found === expected, () => 'its messages are taken for something else');
    if (this.cases++ % DECODE_EVERY === 0) this.checkDecoding(one, other, start, end);
    return 1;
  }

  private expectedAt(bytes: Uint8Array, at: number, fate: MessageFate): number {
    if (fate !== 'data') return FATES.indexOf(fate);
    const type = bytes[at]! % 16;
    const reader = this.readers[type <= 2 ? 0 : 1]!;
    return reader.read(bytes, at + 8, at + lengthAt(bytes, at)) ? GOOD : BAD_PAYLOAD;
  }

  private checkDecoding(one: Uint8Array, other: Uint8Array, start: number, end: number): void {
    const shown = [...messagesIn(one.subarray(start, end))];
    const again = [...messagesIn(other.subarray(start, end))];
    ensure(JSON.stringify(shown) === JSON.stringify(again), () => 'decode reads outside the datagram');
    let at = start;
    for (const message of shown) {
      const fate = fateOf(one, at, end, 'ftfw');
      const bad = fate === 'data' ? this.expectedAt(one, at, fate) === BAD_PAYLOAD : fate !== 'control';
      ensure(
        'malformed' in message === bad,
        () => `decode shows a message (${fate}) as ${JSON.stringify(message)}`,
      );
      at += lengthAt(one, at);
    }
  }
}

const FATES: readonly MessageFate[] = [
  'truncated',
  'bad size',
  'bad version',
  'bad header',
  'skipped',
  'control',
];
const BAD_PAYLOAD = 10;
const GOOD = 11;

/** What the code under test makes of a datagram, as one number. */
function digest(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let at = start; ; at += lengthOf(bytes, at)) {
    const framing = frameAt(bytes, at, end);
    if (framing === Framing.END) return hash;
    if (framing !== Framing.MESSAGE) return mixed(hash, framing === Framing.TRUNCATED ? 0 : 1);
    hash = mixed(hash, fateNumber(bytes, at));
  }
}

function fateNumber(bytes: Uint8Array, at: number): number {
  if (versionOf(bytes, at) !== VERSION) return FATES.indexOf('bad version');
  const kind = kindOf(bytes, at);
  if (kind === MessageKind.BAD) return FATES.indexOf('bad header');
  if (kind !== MessageKind.DATA) return FATES.indexOf('control');
  const format = typeOf(bytes, at) <= 2 ? FLOW_FORMAT : EXPECTATION_FORMAT;
  return checkRecord(format, bytes, at + 8, at + lengthOf(bytes, at)) === Form.MALFORMED ? BAD_PAYLOAD : GOOD;
}
