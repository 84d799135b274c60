import { writeU32 } from '../../src/bytes/integers.ts';
import { Collector } from '../../src/wire/collector.ts';
import { Flag, HEADER_SIZE, MessageType, RANGE_SIZE, writeHeader } from '../../src/wire/header.ts';
import { wireSize } from '../../src/wire/record.ts';
import { toOldWire } from './old-wire.ts';
import { Queued } from './queue.ts';
import type { SequenceSource } from './sequence.ts';

/** Takes a datagram, `bytes[0, length)`, valid during the call. */
export type Send = (bytes: Uint8Array, length: number) => void;

/** A queued control message. It keeps its flags: sent again, it says HELLO again. */
export class Control extends Queued {
  flags: number;
  readonly from: number;
  readonly to: number;
  /** The sequence number of its last transmission. */
  sequence = 0;

  constructor(flags: number, from = 0, to = 0) {
    super();
    this.flags = flags;
    this.from = from;
    this.to = to;
  }
}

/** True for a control message of 16 bytes. */
export function hasRange(flags: number): boolean {
  return (flags & (Flag.ACK | Flag.NACK | Flag.RESYNC)) !== 0;
}

/** Builds messages, and collects them into datagrams. */
export class Outgoing {
  /** Datagrams sent. */
  datagrams = 0;
  private readonly sequences: SequenceSource;
  private readonly limit: number;
  private readonly collector: Collector;
  /** Datagrams that were full before {@link sending}. */
  private readonly ready: Uint8Array[] = [];
  private send: Send | undefined;

  private readonly oldWire: boolean;

  constructor(sequences: SequenceSource, limit: number, oldWire: boolean) {
    this.oldWire = oldWire;
    this.sequences = sequences;
    this.limit = limit;
    this.collector = new Collector(limit, (bytes, length) => {
      this.datagrams++;
      if (this.send) this.send(bytes, length);
      else this.ready.push(bytes.slice(0, length));
    });
  }

  /**
   * Appends a record's message and returns its number.
   * @throws RangeError if it is no shorter than the limit, where C loops for ever
   */
  data(type: number, flags: number, stored: Uint8Array): number {
    const isOldFlow = this.oldWire && type <= MessageType.CT_DEL;
    const record = isOldFlow ? toOldWire(stored.subarray(0, wireSize(stored, 0, stored.length))) : stored;
    const size = wireSize(record, 0, record.length);
    const length = HEADER_SIZE + size;
    if (length >= this.limit) throw new RangeError(`a message of ${length} bytes: C loops for ever`);
    const sequence = this.sequences.take();
    const at = this.collector.reserve(length);
    const { bytes } = this.collector;
    writeHeader(bytes, at, type, flags, length, sequence);
    for (let n = 0; n < size; n++) bytes[at + HEADER_SIZE + n] = record[n]!;
    return sequence;
  }

  /** Appends a control message, with its range if `ranged`, and returns its number. */
  control(flags: number, ranged: boolean, from = 0, to = 0): number {
    const sequence = this.sequences.take();
    const length = ranged ? RANGE_SIZE : HEADER_SIZE;
    const at = this.collector.reserve(length);
    const { bytes } = this.collector;
    writeHeader(bytes, at, MessageType.CONTROL, flags, length, sequence);
    if (ranged) {
      writeU32(bytes, at + HEADER_SIZE, from);
      writeU32(bytes, at + HEADER_SIZE + 4, to);
    }
    return sequence;
  }

  /** Sends the datagrams that wait, then runs `work`, whose datagrams also go to `send`. */
  sending(send: Send, work: () => void): void {
    for (const datagram of this.ready) send(datagram, datagram.length);
    this.ready.length = 0;
    this.send = send;
    try {
      work();
    } finally {
      this.send = undefined;
    }
  }

  flush(): void {
    this.collector.flush();
  }
}
