/**
 * Sealing one TCP connection, which carries datagrams one way. No input or output.
 *
 * Both ends begin with a frame OPEN ({@link FrameType}) of 40 bytes, counter 0, with a random session. The key of the connection
 * follows from the shared key that the connecting end has named and from both sessions, so that it is no other connection's, and a
 * recording of one means nothing on another. Records follow, from the connecting end alone:
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 2 | n, in network byte order |
 * | 2 | n | encrypted: a datagram of the plain protocol |
 * | 2 + n | 16 | tag, over all of it; the nonce is the number of records before it |
 *
 * The first record is empty: it proves that the connecting end has the key and is there now. A record that does not come whole, in
 * order and unchanged ends the connection.
 */

import type { KeyObject } from 'node:crypto';
import { readU16, writeU16 } from '../../bytes/integers.ts';
import type { RefusalReason } from '../intake/refusals.ts';
import { NONCE_SIZE, openSealed, sealInto } from './cipher.ts';
import {
  COUNTER_AT,
  claimsToBeSealed,
  counterOf,
  FrameType,
  keyIdOf,
  SEALED_HEADER_SIZE,
  SEALED_OVERHEAD,
  SESSION_AT,
  SESSION_SIZE,
  TAG_SIZE,
  writeCounter,
  writeFrameHeader,
} from './frame.ts';
import { connectionKey, type LinkKey, sessionKey } from './key.ts';

const LENGTH_SIZE = 2;
/** Bytes that sealing adds to a datagram of a TCP link. */
export const RECORD_OVERHEAD = LENGTH_SIZE + TAG_SIZE;
/** Bytes of the longest datagram that a record carries. */
export const RECORD_MAX = 0xffff;
const OPEN_SIZE = SEALED_OVERHEAD;
const NOTHING = new Uint8Array(0);

type Random = (size: number) => Uint8Array;

/** The end of a connection that has opened it, and sends. */
export class ConnectingSeal {
  /** What to send at once. */
  readonly opening: Uint8Array;
  /** Whether the other end has answered: {@link seal} may be used. */
  isOpen = false;
  private readonly keys: readonly LinkKey[];
  private readonly session: Uint8Array;
  private readonly answer = new Bytes(OPEN_SIZE);
  private records: Records | undefined;

  /** @param keys the first one seals */
  constructor(keys: readonly LinkKey[], random: Random) {
    this.keys = keys;
    this.session = random(SESSION_SIZE);
    this.opening = openFrame(keys[0]!, this.session);
  }

  /** Id of the key that seals. */
  get keyId(): number {
    return this.keys[0]!.id;
  }

  /** Takes what the other end sends. Returns why the connection is to be given up; undefined: it is not. */
  receive(segment: Uint8Array): RefusalReason | undefined {
    const { answer } = this;
    answer.take(segment, 0, OPEN_SIZE);
    if (this.isOpen) return undefined;
    if (!claimsToBeSealed(answer.bytes, 0, answer.length)) return 'unsealed';
    if (answer.length < OPEN_SIZE) return undefined;
    const opened = readOpen(answer.bytes, this.keys);
    if (typeof opened === 'string') return opened;
    if (Buffer.compare(opened.session, this.session) === 0) return 'replayed';
    this.records = new Records(connectionKey(this.keys[0]!, this.session, opened.session));
    this.isOpen = true;
    return undefined;
  }

  /** The record of a datagram; of an empty one, with which records begin. */
  seal(datagram: Uint8Array = NOTHING): Uint8Array {
    return this.records!.seal(datagram);
  }
}

/** Takes what the connecting end sends. */
export interface AcceptedSink {
  /** The connecting end has the key and is there now. Called once, before anything else. */
  proved(): void;
  /** A datagram `bytes[start, end)`, valid during the call. */
  datagram(bytes: Uint8Array, start: number, end: number): void;
}

/** The end of a connection that has accepted it, and receives. */
export class AcceptedSeal {
  /** What to send at once. */
  readonly opening: Uint8Array;
  /** Id of the key that the other end seals with; undefined: it has not said yet. */
  keyId: number | undefined;
  private readonly keys: readonly LinkKey[];
  private readonly session: Uint8Array;
  private readonly sink: AcceptedSink;
  private readonly waiting = new Bytes(RECORD_OVERHEAD + RECORD_MAX);
  private records: Records | undefined;
  private isProved = false;

  constructor(keys: readonly LinkKey[], random: Random, sink: AcceptedSink) {
    this.keys = keys;
    this.session = random(SESSION_SIZE);
    this.opening = openFrame(keys[0]!, this.session);
    this.sink = sink;
  }

  /** Takes the next segment. Returns why the connection is to be given up; undefined: it is not. */
  take(segment: Uint8Array): RefusalReason | undefined {
    const { waiting } = this;
    let at = 0;
    while (at < segment.length) {
      at += waiting.take(segment, at, this.wanted());
      const { length } = waiting;
      if (this.records === undefined && !claimsToBeSealed(waiting.bytes, 0, length)) return 'unsealed';
      if (length < this.wanted()) continue;
      const refusal = this.records === undefined ? this.open() : this.takeRecord(this.records);
      if (refusal !== undefined) return refusal;
      waiting.length = 0;
    }
    return undefined;
  }

  /** Bytes from the beginning of what waits to the end of what comes next, as far as that is known. */
  private wanted(): number {
    const { waiting } = this;
    if (this.records === undefined) return OPEN_SIZE;
    return waiting.length < LENGTH_SIZE ? LENGTH_SIZE : RECORD_OVERHEAD + readU16(waiting.bytes, 0);
  }

  private open(): RefusalReason | undefined {
    const opened = readOpen(this.waiting.bytes, this.keys);
    if (typeof opened === 'string') return opened;
    this.keyId = opened.key.id;
    this.records = new Records(connectionKey(opened.key, opened.session, this.session));
    return undefined;
  }

  private takeRecord(records: Records): RefusalReason | undefined {
    const plain = records.open(this.waiting.bytes.subarray(0, this.waiting.length));
    if (plain === undefined) return 'forged';
    if (!this.isProved) {
      this.isProved = true;
      this.sink.proved();
    }
    if (plain.length > 0) this.sink.datagram(plain, 0, plain.length);
    return undefined;
  }
}

/** The records of one connection, in order. */
class Records {
  private readonly key: KeyObject;
  private readonly nonce = new Uint8Array(NONCE_SIZE);
  private count = 0;

  constructor(key: KeyObject) {
    this.key = key;
  }

  seal(datagram: Uint8Array): Uint8Array {
    const record = new Uint8Array(RECORD_OVERHEAD + datagram.length);
    writeU16(record, 0, datagram.length);
    sealInto(this.key, this.nextNonce(), record.subarray(0, LENGTH_SIZE), datagram, record, LENGTH_SIZE);
    return record;
  }

  open(record: Uint8Array): Uint8Array | undefined {
    const about = record.subarray(0, LENGTH_SIZE);
    return openSealed(this.key, this.nextNonce(), about, record.subarray(LENGTH_SIZE));
  }

  private nextNonce(): Uint8Array {
    writeCounter(this.nonce, NONCE_SIZE - 8, this.count++);
    return this.nonce;
  }
}

/** Bytes that wait for more. */
class Bytes {
  readonly bytes: Uint8Array;
  length = 0;

  constructor(limit: number) {
    this.bytes = new Uint8Array(limit);
  }

  /** Takes bytes from `segment[at]` on until there are `wanted`; returns how many it took. */
  take(segment: Uint8Array, at: number, wanted: number): number {
    const count = Math.max(0, Math.min(wanted - this.length, segment.length - at));
    this.bytes.set(segment.subarray(at, at + count), this.length);
    this.length += count;
    return count;
  }
}

function openFrame(key: LinkKey, session: Uint8Array): Uint8Array {
  const frame = new Uint8Array(OPEN_SIZE);
  writeFrameHeader(frame, FrameType.OPEN, key.id, session, 0);
  const about = frame.subarray(0, SEALED_HEADER_SIZE);
  sealInto(sessionKey(key, session), nonceOf(frame), about, NOTHING, frame, SEALED_HEADER_SIZE);
  return frame;
}

interface Opened {
  readonly key: LinkKey;
  readonly session: Uint8Array;
}

function readOpen(frame: Uint8Array, keys: readonly LinkKey[]): Opened | RefusalReason {
  if (frame[0] !== FrameType.OPEN || counterOf(frame, 0) !== 0) return 'forged';
  const key = keys.find(({ id }) => id === keyIdOf(frame, 0));
  if (key === undefined) return 'other-key';
  const session = frame.slice(SESSION_AT, SESSION_AT + SESSION_SIZE);
  const about = frame.subarray(0, SEALED_HEADER_SIZE);
  const tag = frame.subarray(SEALED_HEADER_SIZE, OPEN_SIZE);
  const plain = openSealed(sessionKey(key, session), nonceOf(frame), about, tag);
  return plain === undefined ? 'forged' : { key, session };
}

function nonceOf(frame: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(NONCE_SIZE);
  nonce.set(frame.subarray(COUNTER_AT, SEALED_HEADER_SIZE), NONCE_SIZE - 8);
  return nonce;
}
