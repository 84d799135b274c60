import { assert } from '../../../bytes/assert.ts';
import { span } from '../../../wire/sequence.ts';

/**
 * The acknowledgement window of one peer: its messages that we accepted and have not acknowledged yet.
 *
 * The first message after an acknowledgement opens a window. The window is acknowledged when it has ACKWindowSize
 * messages, when a gap follows it, or with the next keep-alive. Its numbers have no gap, because a gap ends it.
 */
export class AckWindow {
  private from = 0;
  private size = 0;

  get isOpen(): boolean {
    return this.size > 0;
  }

  /** The first number in it. */
  get first(): number {
    return this.from;
  }

  /** Messages in it, 0 if it is closed. */
  get count(): number {
    return this.size;
  }

  /** Starts a window at this number. {@link add} its message next. */
  start(sequence: number): void {
    this.from = sequence;
    this.size = 0;
  }

  /** Adds the next message. */
  add(): void {
    this.size++;
  }

  /** Ends the window, whose last number is `last`. */
  close(last: number): void {
    assert(this.size === span(this.from, last), 'an acknowledgement window has a gap');
    this.size = 0;
  }
}
