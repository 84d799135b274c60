import { Flag } from '../../wire/header.ts';

const State = {
  /** Nothing was sent yet, so a HELLO_BACK answers whoever had our address before. */
  INITIAL: 0,
  /** Every message that we send has HELLO. */
  SENDING: 1,
  /** A peer answered with HELLO_BACK. */
  CONFIRMED: 2,
} as const;
type State = (typeof State)[keyof typeof State];

/**
 * Our side of the handshake: from its start a node sets HELLO on all that it sends, until a HELLO_BACK comes. It
 * answers a peer's HELLO with HELLO_BACK on its next message.
 */
export class Hello {
  private state: State = State.INITIAL;
  private answerPending = false;

  /** Whether a peer has answered. */
  get isConfirmed(): boolean {
    return this.state === State.CONFIRMED;
  }

  /** Whether the next message has flags of the handshake. */
  get isPending(): boolean {
    return !this.isConfirmed || this.answerPending;
  }

  /** A HELLO_BACK came. Returns whether it is the first one. */
  handleHelloBack(): boolean {
    if (this.state !== State.SENDING) return false;
    this.state = State.CONFIRMED;
    return true;
  }

  /** Answers a peer's HELLO on the next message. */
  answer(): void {
    this.answerPending = true;
  }

  /** The flags of a message that is sent now. */
  takeFlags(): number {
    let flags = 0;
    if (this.state !== State.CONFIRMED) {
      this.state = State.SENDING;
      flags = Flag.HELLO;
    }
    if (this.answerPending) {
      flags |= Flag.HELLO_BACK;
      this.answerPending = false;
    }
    return flags;
  }
}
