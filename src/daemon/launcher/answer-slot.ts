import { closeSync, constants, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { type ReaderWatch, watchReaders } from '../../system/fifo/reader-watch.ts';

/**
 * One answer FIFO and its lock. The daemon has the write end open as long as it lives, so that a client's FIFO ends when
 * the daemon does.
 */
export class AnswerSlot {
  private readonly fifo: string;
  private readonly lock: string;
  /** Undefined once the FIFO is lost. */
  private fd: number | undefined;
  private watch: ReaderWatch | undefined;

  constructor(fifo: string, lock: string) {
    this.fifo = fifo;
    this.lock = lock;
    this.fd = openWriteEnd(fifo);
  }

  /** Whether a client has asked something through it, and still reads. */
  get isBusy(): boolean {
    return this.watch !== undefined;
  }

  /**
   * A client has asked something: the slot is its own until it no longer reads. Returns what writes lines of its answer;
   * they are dropped once it has gone.
   */
  begin(): (lines: string) => void {
    const { fd } = this;
    if (fd === undefined) return () => {};
    const watch = watchReaders(fd, () => this.free());
    this.watch = watch;
    return (lines) => {
      if (this.watch === watch && !this.write(lines)) this.free();
    };
  }

  /** Writes lines to whoever reads. False if nobody does, or has not for 64 KiB (pipe(7)). */
  write(lines: string): boolean {
    if (this.fd === undefined) return false;
    try {
      writeSync(this.fd, lines);
      return true;
    } catch {
      // EPIPE, EAGAIN.
      return false;
    }
  }

  /**
   * Frees the slot of a client that has made the lock, and ended before it asked.
   * @param ageMs how old such a lock is at least
   */
  freeAbandoned(ageMs: number): void {
    if (this.isBusy) return;
    const made = statSync(this.lock, { throwIfNoEntry: false })?.mtimeMs;
    if (made !== undefined && Date.now() - made > ageMs && !isAlive(readFileSync(this.lock, 'latin1')))
      this.free();
  }

  close(): void {
    this.watch?.close();
    this.watch = undefined;
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }

  /** Drops what the client has not read, then lets the next one in. */
  private free(): void {
    this.close();
    try {
      this.fd = openWriteEnd(this.fifo);
    } catch {
      // Somebody removed the directory: clients find no FIFO either, and use the control socket.
      return;
    }
    rmSync(this.lock, { force: true });
  }
}

/** Opens a FIFO for writing that nobody reads, which is refused by itself (ENXIO, fifo(7)). */
function openWriteEnd(path: string): number {
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } finally {
    closeSync(both);
  }
}

/** Whether the process of a lock's text exists; false for a text without one. */
function isAlive(text: string): boolean {
  const pid = Number(text);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
