/** A node sends something at least this often: an ACK if a window is open, else ALIVE. */
const INTERVAL_MS = 1000;
/** The same while messages get lost: a peer notices that the last message is missing only when the next one comes. */
const LOSSY_INTERVAL_MS = 100;
/** How long after a loss more losses are expected. */
const LOSSY_PERIOD_MS = 3000;

/** When the node has to break its silence: a second after its last transmission, or 100 ms while messages get lost. */
export class Keepalive {
  private lastTransmission: number;
  /** Until when messages may be expected to get lost, ours or a peer's. */
  private lossyUntil = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: number) {
    this.lastTransmission = now;
  }

  /** When an ACK or ALIVE is due, in milliseconds. */
  get dueAt(): number {
    const early = this.lastTransmission + LOSSY_INTERVAL_MS;
    return early < this.lossyUntil ? early : this.lastTransmission + INTERVAL_MS;
  }

  /** Something is sent now. */
  noteTransmission(now: number): void {
    this.lastTransmission = now;
  }

  /** A gap or a NACK came: messages get lost. */
  noteLoss(now: number): void {
    this.lossyUntil = now + LOSSY_PERIOD_MS;
  }
}
