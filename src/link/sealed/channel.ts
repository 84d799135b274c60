import { type KeyObject, randomBytes } from 'node:crypto';
import { NONCE_SIZE, openSealed, sealInto } from './cipher.ts';
import {
  COUNTER_AT,
  COUNTER_MAX,
  claimsToBeSealed,
  counterOf,
  FrameType,
  keyIdOf,
  SEALED_HEADER_SIZE,
  SEALED_OVERHEAD,
  SESSION_AT,
  SESSION_SIZE,
  writeFrameHeader,
} from './frame.ts';
import { type LinkKey, sessionKey } from './key.ts';
import { ReplayWindow } from './replay-window.ts';

const DATAGRAM_MAX = 65_536;
const CHALLENGE_SIZE = 12;
const HANDSHAKE_SIZE = 2 * CHALLENGE_SIZE;
const NO_ECHO = new Uint8Array(CHALLENGE_SIZE);

/** Peers whose datagrams are taken at a time: more than an engine tracks. The one not heard for longest makes way for another. */
const SESSIONS_MAX = 64;
/** Datagrams that wait for a peer to prove that it is there. */
const HELD_MAX = 1024;
/** Interval of {@link SealedChannel.handleTick}, in ms. */
export const TICK_MS = 200;
/** A datagram waits for a peer for a second at most. */
const HOLD_TICKS = 5;
/** A node that has sent nothing for 20 s says that it is there. */
const BEAT_TICKS = 100;
/** A peer that was not heard for 60 s has ended, and what it sent is not taken any more. */
const SESSION_TICKS = 300;
/** A peer that was asked is asked again with so many ticks, in case the ASK or the ANSWER is lost. */
const ASKS = 5;
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

interface Session {
  readonly id: Uint8Array;
  readonly window: ReplayWindow;
  /** By id of the link key. */
  readonly keys: Map<number, KeyObject>;
  heardAt: number;
}

/**
 * Seals what a link sends and opens what it receives. No input or output and no clock of its own.
 *
 * Each channel has a random session and counts its datagrams. A key of its own, derived from the shared key and the session, seals
 * them, so that no nonce is ever used twice. A session of a peer is opened only when the peer has echoed this channel's
 * challenge, which is random, and another one as soon as a session ends: so no recording opens a session, nor opens one again.
 * What the peer sent before that echo has lower counters, and is never taken.
 */
export class SealedChannel {
  /** The datagram that {@link receive} opened: `opened[0, openedLength)`, until the next call. */
  readonly opened = new Uint8Array(DATAGRAM_MAX);
  openedLength = 0;
  /** Datagrams that waited for a peer in vain. */
  undelivered = 0;
  private keys: readonly LinkKey[];
  private sealing: KeyObject;
  private readonly session: Uint8Array;
  private challenge: Uint8Array;
  private readonly random: (size: number) => Uint8Array;
  private counter = 0;
  private readonly sessions: Session[] = [];
  private readonly frame = new Uint8Array(DATAGRAM_MAX);
  private readonly nonce = new Uint8Array(NONCE_SIZE);
  private held: { readonly bytes: Uint8Array; readonly at: number }[] = [];
  private tick = 0;
  private sentAt = Number.NEGATIVE_INFINITY;
  private unknownLeft = UNKNOWN_PER_TICK;
  private asksLeft = 0;
  private readonly transmit: (bytes: Uint8Array, length: number) => void;

  /**
   * @param keys the first one seals
   * @param transmit takes the sealed datagram `bytes[0, length)`, valid during the call
   * @param random so many random bytes
   */
  constructor(
    keys: readonly LinkKey[],
    transmit: (bytes: Uint8Array, length: number) => void,
    random: (size: number) => Uint8Array = randomBytes,
  ) {
    this.random = random;
    this.session = random(SESSION_SIZE);
    this.challenge = random(CHALLENGE_SIZE);
    this.transmit = transmit;
    this.keys = keys;
    this.sealing = sessionKey(keys[0]!, this.session);
  }

  /** Peers that have proved that they are there. */
  get peers(): number {
    return this.sessions.length;
  }

  /** Takes other keys, in place of those until now; sessions go on. */
  setKeys(keys: readonly LinkKey[]): void {
    this.keys = keys;
    this.sealing = sessionKey(keys[0]!, this.session);
    for (const { keys: derived } of this.sessions) {
      for (const id of derived.keys()) if (!keys.some((key) => key.id === id)) derived.delete(id);
    }
  }

  /** Sends `bytes[0, length)` sealed: at once, or when a peer has proved that it is there. */
  send(bytes: Uint8Array, length: number): void {
    if (this.sessions.length > 0) {
      this.seal(FrameType.DATA, bytes.subarray(0, length));
      return;
    }
    if (this.held.length === HELD_MAX) {
      this.held.shift();
      this.undelivered++;
    }
    this.held.push({ bytes: bytes.slice(0, length), at: this.tick });
  }

  /** To be called at the start, and every {@link TICK_MS}: asks who is there until somebody is, whenever somebody is new, and whenever nothing was sent for long. */
  handleTick(): void {
    this.tick++;
    this.unknownLeft = UNKNOWN_PER_TICK;
    this.endSessions(({ heardAt }) => this.tick - heardAt > SESSION_TICKS);
    if (this.sessions.length > 0 && this.asksLeft === 0 && this.tick - this.sentAt < BEAT_TICKS) return;
    this.asksLeft = Math.max(0, this.asksLeft - 1);
    const fresh = this.held.filter(({ at }) => this.tick - at <= HOLD_TICKS);
    this.undelivered += this.held.length - fresh.length;
    this.held = fresh;
    this.handshake(FrameType.ASK, NO_ECHO);
  }

  /** Takes the datagram `bytes[start, end)`. */
  receive(bytes: Uint8Array, start: number, end: number): Outcome {
    if (!claimsToBeSealed(bytes, start, end)) return Outcome.UNSEALED;
    const type = bytes[start]!;
    if (end - start < SEALED_OVERHEAD || type > FrameType.ANSWER) return Outcome.FORGED;
    const keyId = keyIdOf(bytes, start);
    const key = this.keys.find(({ id }) => id === keyId);
    if (key === undefined) return Outcome.OTHER_KEY;
    const counter = counterOf(bytes, start);
    if (counter > COUNTER_MAX) return Outcome.FORGED;
    const id = start + SESSION_AT;
    // The datagrams of this channel itself, sent back by somebody.
    if (isAt(this.session, bytes, id)) return Outcome.REPLAYED;
    const known = this.sessions.find((session) => isAt(session.id, bytes, id));
    if (known !== undefined && !known.window.isNew(counter)) return Outcome.REPLAYED;
    if (known === undefined && this.unknownLeft-- <= 0) return Outcome.UNPROVED;
    let derived = known?.keys.get(keyId);
    if (derived === undefined) {
      derived = sessionKey(key, bytes.subarray(id, id + SESSION_SIZE));
      known?.keys.set(keyId, derived);
    }
    const header = start + SEALED_HEADER_SIZE;
    this.nonce.set(bytes.subarray(start + COUNTER_AT, header), NONCE_SIZE - 8);
    const plain = openSealed(derived, this.nonce, bytes.subarray(start, header), bytes.subarray(header, end));
    if (plain === undefined) return Outcome.FORGED;
    if (known !== undefined) {
      known.window.add(counter);
      known.heardAt = this.tick;
    }
    if (type !== FrameType.DATA) {
      if (plain.length !== HANDSHAKE_SIZE) return Outcome.FORGED;
      const fresh = {
        id: bytes.slice(id, id + SESSION_SIZE),
        window: new ReplayWindow(counter),
        keys: new Map([[keyId, derived]]),
        heardAt: this.tick,
      };
      return this.handleHandshake(type, plain, known, fresh);
    }
    if (known === undefined) {
      this.asksLeft = ASKS;
      this.handshake(FrameType.ASK, NO_ECHO);
      return Outcome.UNPROVED;
    }
    // The same memory each time: what reads it keeps views of it.
    this.opened.set(plain);
    this.openedLength = plain.length;
    return Outcome.DATA;
  }

  /** @param known the session of an ASK or ANSWER; undefined: none yet, `fresh` would be it */
  private handleHandshake(
    type: number,
    plain: Uint8Array,
    known: Session | undefined,
    fresh: Session,
  ): Outcome {
    const challenge = plain.subarray(CHALLENGE_SIZE);
    let isKnown = known !== undefined;
    if (!isKnown && isAt(this.challenge, plain, 0)) {
      this.addSession(fresh);
      isKnown = true;
    }
    // An answer to another node, on a link of several, shows a peer too: it is asked.
    if (!isKnown) this.asksLeft = ASKS;
    if (type === FrameType.ASK || !isKnown) {
      this.handshake(isKnown ? FrameType.ANSWER : FrameType.ASK, challenge);
    }
    // Behind the answer, which makes the peer take what follows.
    if (isKnown && this.held.length > 0) this.releaseHeld();
    return Outcome.HANDSHAKE;
  }

  private addSession(session: Session): void {
    if (this.sessions.length === SESSIONS_MAX) {
      const oldest = this.sessions.reduce((one, other) => (other.heardAt < one.heardAt ? other : one));
      this.endSessions((one) => one === oldest);
    }
    this.sessions.push(session);
  }

  private endSessions(isOver: (session: Session) => boolean): void {
    for (let n = this.sessions.length - 1; n >= 0; n--) {
      if (!isOver(this.sessions[n]!)) continue;
      this.sessions.splice(n, 1);
      // The recorded echo must not open the session again.
      this.challenge = this.random(CHALLENGE_SIZE);
    }
  }

  private releaseHeld(): void {
    const { held } = this;
    this.held = [];
    for (const { bytes } of held) this.seal(FrameType.DATA, bytes);
  }

  private handshake(type: FrameType, echo: Uint8Array): void {
    const text = new Uint8Array(HANDSHAKE_SIZE);
    text.set(echo);
    text.set(this.challenge, CHALLENGE_SIZE);
    this.seal(type, text);
  }

  private seal(type: FrameType, plain: Uint8Array): void {
    const { frame, nonce } = this;
    this.sentAt = this.tick;
    writeFrameHeader(frame, type, this.keys[0]!.id, this.session, ++this.counter);
    nonce.set(frame.subarray(COUNTER_AT, SEALED_HEADER_SIZE), NONCE_SIZE - 8);
    const about = frame.subarray(0, SEALED_HEADER_SIZE);
    const size = sealInto(this.sealing, nonce, about, plain, frame, SEALED_HEADER_SIZE);
    this.transmit(frame, SEALED_HEADER_SIZE + size);
  }
}

function isAt(expected: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let n = 0; n < expected.length; n++) if (bytes[at + n] !== expected[n]) return false;
  return true;
}
