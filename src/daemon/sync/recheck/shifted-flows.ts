import { decodeExpectation } from '../../../wire/decode.ts';
import type { Cancel, Runtime } from '../../common/runtime.ts';

/** From an expectation to the reading, in ms: the packet that announces it is rewritten a moment after it is reported. */
const DELAY_MS = 200;
/** From the end of one reading to the next, in ms, and at least so many times what the last one took. */
const PAUSE_MS = 2_000;
const PAUSE_FACTOR = 20;

/**
 * Says when to read the flows whose sequence numbers are shifted. A helper that rewrites an announcement to another length shifts
 * all further numbers of the flow, the kernel reports that in no event, and without it the flow breaks in a failover. What it
 * does report is the expectation, with its translation.
 */
export class ShiftedFlows {
  private readonly runtime: Pick<Runtime, 'after' | 'now'>;
  private readonly read: () => Promise<void>;
  private cancel: Cancel | undefined;
  private isReading = false;
  /** An expectation came while the flows were read. */
  private isWanted = false;
  private nextAtMs = Number.NEGATIVE_INFINITY;
  private closed = false;

  /** @param read takes the flows from the kernel; it does not reject */
  constructor(runtime: Pick<Runtime, 'after' | 'now'>, read: () => Promise<void>) {
    this.runtime = runtime;
    this.read = read;
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  /** The kernel has the new expectation `bytes[0, length)`. */
  noteExpectation(bytes: Uint8Array, length: number): void {
    if (decodeExpectation(bytes, 0, length).nat === undefined) return;
    if (this.isReading) this.isWanted = true;
    else this.schedule();
  }

  private schedule(): void {
    if (this.closed || this.cancel !== undefined) return;
    const waitMs = Math.max(DELAY_MS, this.nextAtMs - this.runtime.now());
    this.cancel = this.runtime.after(waitMs, () => void this.run());
  }

  private async run(): Promise<void> {
    this.cancel = undefined;
    this.isReading = true;
    this.isWanted = false;
    const startedAtMs = this.runtime.now();
    await this.read();
    const endedAtMs = this.runtime.now();
    this.nextAtMs = endedAtMs + Math.max(PAUSE_MS, PAUSE_FACTOR * (endedAtMs - startedAtMs));
    this.isReading = false;
    if (this.isWanted) this.schedule();
  }
}
