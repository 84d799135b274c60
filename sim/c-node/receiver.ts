import type { Change } from '../../src/flow/change.ts';
import { Framing, frameAt } from '../../src/wire/datagram.ts';
import {
  carriesRange,
  DATA_TYPE_MAX,
  flagsOf,
  HEADER_SIZE,
  lengthOf,
  rangeFromOf,
  rangeToOf,
  sequenceOf,
  typeOf,
  VERSION,
  versionOf,
} from '../../src/wire/header.ts';
import { canonicalise, checkRecord, Form } from '../../src/wire/record.ts';
import { EXPECTATIONS, FLOWS, type Kind } from './identity.ts';
import { type Header, MessageResult, type Mode } from './mode.ts';
import { fromOldWire } from './old-wire.ts';

/** In words of `-s network`. Each but the first also counts as malformed. */
export interface ReceiveCounters {
  /** Malformed messages */
  malformed: number;
  /** Wrong protocol version */
  badVersion: number;
  /** Malformed header */
  badHeader: number;
  /** Malformed payload */
  badPayload: number;
  /** Bad message type */
  badType: number;
  /** Truncated message */
  truncated: number;
  /** Bad message size */
  badSize: number;
}

const scratch = new Uint8Array(65_536);

/** Parses datagrams. */
export class Receiver {
  readonly counters: ReceiveCounters = {
    malformed: 0,
    badVersion: 0,
    badHeader: 0,
    badPayload: 0,
    badType: 0,
    truncated: 0,
    badSize: 0,
  };
  private readonly mode: Mode;
  private readonly take: (kind: Kind, change: Change, record: Uint8Array) => void;
  private readonly header: Header = { type: 0, flags: 0, sequence: 0, from: 0, to: 0 };

  private readonly oldWire: boolean;

  constructor(mode: Mode, take: (kind: Kind, change: Change, record: Uint8Array) => void, oldWire: boolean) {
    this.oldWire = oldWire;
    this.mode = mode;
    this.take = take;
  }

  /** Takes the datagram `bytes[start, end)`. */
  datagram(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; ; at += lengthOf(bytes, at)) {
      switch (frameAt(bytes, at, end)) {
        case Framing.END:
          return;
        case Framing.TRUNCATED:
          this.refuse('truncated');
          return;
        case Framing.BAD_SIZE:
          this.refuse('badSize');
          return;
      }
      this.message(bytes, at);
    }
  }

  private refuse(why: Exclude<keyof ReceiveCounters, 'malformed'>): void {
    this.counters.malformed++;
    this.counters[why]++;
  }

  private message(bytes: Uint8Array, at: number): void {
    if (versionOf(bytes, at) !== VERSION) {
      this.refuse('badVersion');
      return;
    }
    const { header } = this;
    header.type = typeOf(bytes, at);
    header.flags = flagsOf(bytes, at);
    header.sequence = sequenceOf(bytes, at);
    const ranged = carriesRange(header.type, header.flags);
    header.from = ranged ? rangeFromOf(bytes, at) : 0;
    header.to = ranged ? rangeToOf(bytes, at) : 0;
    switch (this.mode.receive(header)) {
      case MessageResult.MALFORMED:
        this.refuse('badHeader');
        return;
      case MessageResult.HANDLED:
      case MessageResult.STALE:
        return;
    }
    if (header.type > DATA_TYPE_MAX) this.refuse('badType');
    else this.record(header.type, bytes, at + HEADER_SIZE, at + lengthOf(bytes, at));
  }

  private record(type: number, bytes: Uint8Array, start: number, end: number): void {
    const kind = type < EXPECTATIONS.firstType ? FLOWS : EXPECTATIONS;
    const form = checkRecord(kind.format, bytes, start, end);
    if (form === Form.MALFORMED) {
      this.refuse('badPayload');
      return;
    }
    const record =
      form === Form.CANONICAL
        ? bytes.subarray(start, end)
        : scratch.subarray(0, canonicalise(kind.format, bytes, start, end, scratch, 0));
    const taken = this.oldWire && kind === FLOWS ? fromOldWire(record) : record;
    if (taken === undefined) this.refuse('badPayload');
    else this.take(kind, (type - kind.firstType) as Change, taken);
  }
}
