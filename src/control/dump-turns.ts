import type { Answer } from './server.ts';

/** Milliseconds that a dump runs before others get their turn. */
const SLICE_MS = 5;
/** Characters that are collected for one write. */
const PIECE_CHARACTERS = 65_536;

/**
 * Sends dumps at their clients' pace, one slice of one dump in a turn of the event loop, so that neither a dump of a million
 * flows nor fifty dumps at once fill memory or stop the daemon.
 *
 * Dumps take turns, in the order in which their clients can take more. A client that reads slowly holds up nobody, and one
 * that reads never waits longer than a slice of each of the others: a client gives up a daemon that stays silent.
 */
export class DumpTurns {
  private readonly waiting: (() => void)[] = [];
  private isBusy = false;

  /**
   * Sends all of `lines`, which is asked for the next one only when it can be sent. Resolves early if the client goes.
   * @throws whatever `lines` throws
   */
  async send(answer: Answer, lines: Iterable<string>): Promise<void> {
    const source = lines[Symbol.iterator]();
    try {
      for (let isWhole = false; !isWhole; ) {
        await this.turn();
        try {
          isWhole = sendSlice(answer, source);
        } finally {
          setImmediate(() => this.passTurn());
        }
        if (!isWhole && !(await answer.drained())) return;
      }
    } finally {
      source.return?.();
    }
  }

  private turn(): Promise<void> {
    if (this.isBusy) return new Promise((resolve) => this.waiting.push(resolve));
    this.isBusy = true;
    return Promise.resolve();
  }

  private passTurn(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.isBusy = false;
    else next();
  }
}

/** Writes until the time is up or the client is behind. Returns whether all has been written. */
function sendSlice(answer: Answer, lines: Iterator<string>): boolean {
  const end = performance.now() + SLICE_MS;
  for (let canTakeMore = !answer.gone; canTakeMore && performance.now() < end; ) {
    let piece = '';
    while (piece.length < PIECE_CHARACTERS) {
      const { done, value } = lines.next();
      if (done) {
        if (piece !== '') answer.write(piece);
        return true;
      }
      piece += value;
    }
    canTakeMore = answer.write(piece);
  }
  return false;
}
