/** A turn of the loop that takes less than so many milliseconds does next to nothing. */
const SHORT_MS = 0.05;
/** So many of them, one after the other, are no work. */
const MANY = 32;

/**
 * Notices that libuv's loop turns without doing anything. V8 does that to it: while another thread of its own sweeps, its task on the
 * main thread finds nothing to do and asks for the next turn (incremental sweeping of cppgc). That thread has the usual priority. Where
 * the daemon runs in real time and has no processor to spare, it does not run until the kernel throttles the daemon, some 0.9 s later.
 */
export class ShortTurns {
  private count = 0;
  /** When the loop got its turn, in milliseconds of the clock; -1: it did not, or was not to. */
  private begunMs = -1;

  /** The loop gets its turn, because nothing else is to be done. */
  begin(now: number): void {
    this.begunMs = now;
  }

  /** The loop may have had its turn. */
  end(now: number): void {
    if (this.begunMs >= 0 && now - this.begunMs < SHORT_MS) this.count++;
    else this.count = 0;
    this.begunMs = -1;
  }

  /** Whether there were many since the last time that this was so. */
  takeMany(): boolean {
    if (this.count < MANY) return false;
    this.count = 0;
    return true;
  }
}
