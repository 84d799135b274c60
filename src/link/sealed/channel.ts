import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readU32, writeU32 } from '../../bytes/integers.ts';
import {
  COUNTER_AT,
  COUNTER_MAX,
  claimsToBeSealed,
  FrameType,
  SEALED_HEADER_SIZE,
  SEALED_OVERHEAD,
  SESSION_AT,
  SESSION_SIZE,
  TAG_SIZE,
} from './frame.ts';
import { type LinkKey, sessionKey } from './key.ts';
import { ReplayWindow } from './replay-window.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_SIZE = 12;
const DATAGRAM_MAX = 65_536;

/** Peers whose datagrams are taken at a time; the one that was opened first makes way for another, and is asked again when it sends. */
const SESSIONS_MAX = 16;
/** Datagrams that wait for a peer to prove that it is there. */
const HELD_MAX = 1024;
/** A datagram waits this long at most. */
const HOLD_MS = 1000;
/** Interval of {@link SealedChannel.handleTimeout}. */
export const TICK_MS = 200;
/** Datagrams of unknown sessions that are looked at per tick: each costs the derivation of a key. */
const UNKNOWN_PER_TICK = 64;

/** What a received datagram came to. */
export const Outcome = {
  /** Data, which {@link SealedChannel.opened} has. */
  DATA: 'data',
  /** It was for the channel itself. */
  HANDSHAKE: 'handshake',
  /** Not sealed: its sender has no key. */
  UNSEALED: 'unsealed',
  /** Sealed with a key that this node has not got. */
  OTHER_KEY: 'other-key',
  /** Changed on its way, forged, or too short. */
  FORGED: 'forged',
  /** Its counter was seen, or is older than the window. */
  REPLAYED: 'replayed',
  /** Its sender has not proved yet that it is there now: it is asked to. */
  UNPROVED: 'unproved',
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];
export type SealRefusal = Exclude<Outcome, 'data' | 'handshake'>;

interface Session {
  readonly window: ReplayWindow;
  /** By id of the link key. */
  readonly keys: Map<number, Uint8Array>;
}

/**
 * Seals what a link sends and opens what it receives. No input or output and no clock of its own.
 *
 * Each channel has a random session and counts its datagrams. A key of its own, derived from the shared key and the session, seals
 * them, so that no nonce is ever used twice. A session of a peer is taken only when the peer has echoed this channel's own
 * session, which is new with each start: so a recording proves nothing. What the peer sent before that echo has lower counters,
 * and is never taken.
 */
export class SealedChannel {
  /** The datagram that {@link receive} opened: `opened[0, openedLength)`, until the next call. */
  readonly opened = new Uint8Array(DATAGRAM_MAX);
  openedLength = 0;
  /** Datagrams that waited for a peer in vain. */
  dropped = 0;
  private keys: readonly LinkKey[];
  private sealing: Uint8Array;
  private readonly session: Uint8Array;
  private counter = 0;
  /** By session in hexadecimal, in the order in which they were opened. */
  private readonly sessions = new Map<string, Session>();
  private readonly frame = new Uint8Array(DATAGRAM_MAX);
  private readonly nonce = new Uint8Array(NONCE_SIZE);
  private held: { readonly bytes: Uint8Array; readonly atMs: number }[] = [];
  private hasAsked = false;
  private unknownLeft = UNKNOWN_PER_TICK;
  private readonly transmit: (bytes: Uint8Array, length: number) => void;

  /**
   * @param keys the first one seals
   * @param transmit takes the sealed datagram `bytes[0, length)`, valid during the call
   * @param session random, new with each start
   */
  constructor(
    keys: readonly LinkKey[],
    transmit: (bytes: Uint8Array, length: number) => void,
    session: Uint8Array = randomBytes(SESSION_SIZE),
  ) {
    if (session.length !== SESSION_SIZE) throw new RangeError(`a session of ${session.length} bytes`);
    this.session = session;
    this.transmit = transmit;
    this.keys = keys;
    this.sealing = sessionKey(keys[0]!, session);
  }

  /** Whether a peer has proved that it is there. */
  get hasPeer(): boolean {
    return this.sessions.size > 0;
  }

  /** Takes other keys, in place of those until now; sessions go on. */
  setKeys(keys: readonly LinkKey[]): void {
    this.keys = keys;
    this.sealing = sessionKey(keys[0]!, this.session);
    for (const { keys: derived } of this.sessions.values()) {
      for (const id of derived.keys()) if (!keys.some((key) => key.id === id)) derived.delete(id);
    }
  }

  /** Sends `bytes[0, length)` sealed: at once, or when a peer has proved that it is there. */
  send(bytes: Uint8Array, length: number, nowMs: number): void {
    if (this.hasPeer) {
      this.seal(FrameType.DATA, bytes, length);
      return;
    }
    if (this.held.length === HELD_MAX) {
      this.held.shift();
      this.dropped++;
    }
    this.held.push({ bytes: bytes.slice(0, length), atMs: nowMs });
  }

  /** To be called at the start, and every {@link TICK_MS}: asks who is there until somebody is. */
  handleTimeout(nowMs: number): void {
    this.unknownLeft = UNKNOWN_PER_TICK;
    if (this.hasPeer && this.hasAsked) return;
    this.hasAsked = true;
    const fresh = this.held.filter(({ atMs }) => nowMs - atMs < HOLD_MS);
    this.dropped += this.held.length - fresh.length;
    this.held = fresh;
    this.handshake(FrameType.ASK, undefined);
  }

  /** Takes the datagram `bytes[start, end)`. */
  receive(bytes: Uint8Array, start: number, end: number): Outcome {
    if (!claimsToBeSealed(bytes, start, end)) return Outcome.UNSEALED;
    const type = bytes[start]!;
    if (end - start < SEALED_OVERHEAD || type > FrameType.ANSWER) return Outcome.FORGED;
    const keyId = (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!;
    const key = this.keys.find(({ id }) => id === keyId);
    if (key === undefined) return Outcome.OTHER_KEY;
    const counter = readU32(bytes, start + COUNTER_AT) * 2 ** 32 + readU32(bytes, start + COUNTER_AT + 4);
    if (counter > COUNTER_MAX) return Outcome.FORGED;
    const session = bytes.subarray(start + SESSION_AT, start + SESSION_AT + SESSION_SIZE);
    const name = Buffer.from(session).toString('hex');
    const known = this.sessions.get(name);
    if (known !== undefined && !known.window.isNew(counter)) return Outcome.REPLAYED;
    if (known === undefined && this.unknownLeft-- <= 0) return Outcome.UNPROVED;
    let derived = known?.keys.get(keyId);
    if (derived === undefined) {
      derived = sessionKey(key, session);
      known?.keys.set(keyId, derived);
    }
    const plain = this.open(derived, bytes, start, end);
    if (plain === undefined) return Outcome.FORGED;
    known?.window.add(counter);
    // The datagrams of this channel itself, sent back by somebody.
    if (sameBytes(session, this.session)) return Outcome.REPLAYED;
    if (type !== FrameType.DATA)
      return this.handleHandshake(type, plain, session, name, counter, keyId, derived);
    if (known === undefined) {
      this.handshake(FrameType.ASK, session);
      return Outcome.UNPROVED;
    }
    // The same memory each time: what reads it keeps views of it.
    this.opened.set(plain);
    this.openedLength = plain.length;
    return Outcome.DATA;
  }

  private handleHandshake(
    type: number,
    plain: Uint8Array,
    session: Uint8Array,
    name: string,
    counter: number,
    keyId: number,
    derived: Uint8Array,
  ): Outcome {
    if (plain.length !== SESSION_SIZE) return Outcome.FORGED;
    const isEcho = sameBytes(plain, this.session);
    if (!isEcho && plain.some((byte) => byte !== 0)) {
      // For another node, on a link of several: this one has not heard of its sender yet.
      if (!this.sessions.has(name)) this.handshake(FrameType.ASK, session);
      return Outcome.HANDSHAKE;
    }
    if (isEcho && !this.sessions.has(name)) this.addSession(name, counter, keyId, derived);
    if (type === FrameType.ASK) {
      const isKnown = this.sessions.has(name);
      this.handshake(isKnown ? FrameType.ANSWER : FrameType.ASK, session);
    }
    // Behind the answer, which makes the peer take what follows.
    if (this.hasPeer && this.held.length > 0) this.releaseHeld();
    return Outcome.HANDSHAKE;
  }

  private addSession(name: string, counter: number, keyId: number, derived: Uint8Array): void {
    if (this.sessions.size === SESSIONS_MAX) this.sessions.delete(this.sessions.keys().next().value!);
    this.sessions.set(name, { window: new ReplayWindow(counter), keys: new Map([[keyId, derived]]) });
  }

  private releaseHeld(): void {
    const { held } = this;
    this.held = [];
    for (const { bytes } of held) this.seal(FrameType.DATA, bytes, bytes.length);
  }

  private handshake(type: FrameType, echo: Uint8Array | undefined): void {
    this.seal(type, echo ?? new Uint8Array(SESSION_SIZE), SESSION_SIZE);
  }

  private seal(type: FrameType, bytes: Uint8Array, length: number): void {
    const { frame, nonce } = this;
    const { id } = this.keys[0]!;
    const counter = ++this.counter;
    frame[0] = type;
    frame[1] = id >>> 16;
    frame[2] = (id >>> 8) & 0xff;
    frame[3] = id & 0xff;
    frame.set(this.session, SESSION_AT);
    writeU32(frame, COUNTER_AT, Math.floor(counter / 2 ** 32));
    writeU32(frame, COUNTER_AT + 4, counter >>> 0);
    nonce.set(frame.subarray(COUNTER_AT, SEALED_HEADER_SIZE), NONCE_SIZE - 8);
    const cipher = createCipheriv(CIPHER, this.sealing, nonce);
    cipher.setAAD(frame.subarray(0, SEALED_HEADER_SIZE));
    frame.set(cipher.update(bytes.subarray(0, length)), SEALED_HEADER_SIZE);
    cipher.final();
    frame.set(cipher.getAuthTag(), SEALED_HEADER_SIZE + length);
    this.transmit(frame, SEALED_OVERHEAD + length);
  }

  /** What is sealed in `bytes[start, end)`; undefined if it was not sealed with this key. */
  private open(key: Uint8Array, bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    const { nonce } = this;
    nonce.set(bytes.subarray(start + COUNTER_AT, start + SEALED_HEADER_SIZE), NONCE_SIZE - 8);
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_SIZE });
    decipher.setAAD(bytes.subarray(start, start + SEALED_HEADER_SIZE));
    decipher.setAuthTag(bytes.subarray(end - TAG_SIZE, end));
    const plain = decipher.update(bytes.subarray(start + SEALED_HEADER_SIZE, end - TAG_SIZE));
    try {
      decipher.final();
      return plain;
    } catch {
      return undefined;
    }
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, at) => byte === other[at]);
}
