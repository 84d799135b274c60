import { explainMalformed } from '../codec/malformed-message.ts';
import type { KernelCounters } from '../kernel.ts';

/**
 * Counts the kernel's malformed messages. Explains one at a time: the first after each `takeReason`, so that
 * a flood of malformed messages costs one explanation per log line.
 */
export class MalformedMessages {
  private readonly counters: KernelCounters;
  private reason: string | undefined;

  constructor(counters: KernelCounters) {
    this.counters = counters;
  }

  /**
   * Counts the message `bytes[start, end)`, which the transcoder has rejected; `start` is a multiple of 4.
   */
  count(kind: 'flow' | 'expectation', bytes: Uint8Array, start: number, end: number): void {
    this.counters.malformed++;
    if (this.reason !== undefined) return;
    const reason = explainMalformed(kind, bytes, start, end) ?? 'unknown reason';
    this.reason = `${kind}, ${end - start} bytes: ${reason}`;
  }

  /** Counts `size` bytes that hold no whole message. */
  countCut(size: number): void {
    this.counters.malformed++;
    this.reason ??= `${size} bytes that hold no whole message`;
  }

  /** Why a message was rejected since the last call; undefined if none was. */
  takeReason(): string | undefined {
    const { reason } = this;
    this.reason = undefined;
    return reason;
  }
}
