/** A node sends something at least this often: an ACK if a window is open, else ALIVE. */
const INTERVAL_MS = 1000;
/** So long after its last transmission a node that a message woke sends it along, instead of waking for it later. */
const EARLY_MS = 750;
/**
 * A node that woke by itself waits so much longer the next time, if it has heard another one about when it last broke its silence: then
 * that one wakes first. So two nodes of ours take turns, and with a C node, which sends nothing along, ours follows every second time.
 */
const TURN_MS = 20;
/** The same while messages get lost: a peer notices that the last message is missing only when the next one comes. */
const LOSSY_INTERVAL_MS = 100;
/** How long after a loss more losses are expected. */
const LOSSY_PERIOD_MS = 3000;

/** When the node has to break its silence: a second after its last transmission, or 100 ms while messages get lost. */
export class Keepalive {
  private lastTransmission: number;
  /** Until when messages may be expected to get lost, ours or a peer's. */
  private lossyUntil = Number.NEGATIVE_INFINITY;
  /** When it last broke its silence. */
  private brokenAt = Number.NEGATIVE_INFINITY;
  /** Whether it heard another node just before or after that. */
  private hasCompany = false;
  /** Whether it is the other node's turn to wake. */
  private isOthersTurn = false;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: number) {
    this.lastTransmission = now;
  }

  /** When an ACK or ALIVE is due, in milliseconds. */
  get dueAt(): number {
    if (this.isLossy) return this.lastTransmission + LOSSY_INTERVAL_MS;
    return this.lastTransmission + (this.isOthersTurn ? INTERVAL_MS + TURN_MS : INTERVAL_MS);
  }

  /** Messages have woken the node. Returns whether it breaks its silence now. */
  noteMessages(now: number): boolean {
    const isTime = now >= (this.isLossy ? this.dueAt : this.lastTransmission + EARLY_MS);
    if (isTime || now - this.brokenAt < TURN_MS) this.hasCompany = true;
    return isTime;
  }

  private get isLossy(): boolean {
    return this.lastTransmission + LOSSY_INTERVAL_MS < this.lossyUntil;
  }

  /** Something is sent now. */
  noteTransmission(now: number): void {
    this.lastTransmission = now;
  }

  /** An ACK or ALIVE is sent because it is time. */
  breakSilence(now: number): void {
    const hasWoken = now >= this.dueAt;
    this.isOthersTurn = hasWoken && this.hasCompany;
    if (hasWoken) this.hasCompany = false;
    this.brokenAt = now;
    this.lastTransmission = now;
  }

  /** A gap or a NACK came: messages get lost. */
  noteLoss(now: number): void {
    this.lossyUntil = now + LOSSY_PERIOD_MS;
  }
}
