import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats } from 'node:fs';
import { Socket } from 'node:net';
import { Errno } from '../../system/errno.ts';
import { mkfifo } from '../../system/file-calls.ts';
import { everyAbout } from '../../system/process/chores.ts';
import { SystemError } from '../../system/system-error.ts';
import { LineSplitter } from '../common/line-splitter.ts';
import { type KeepalivedNotice, parseKeepalivedLine } from './keepalived-line.ts';

/** Bytes of a line at most: keepalived's names have far fewer. */
const LINE_MAX = 1024;
/** The FIFO's name is looked at this often: keepalived removes a FIFO that it made when it ends, and makes another. */
const CHECK_INTERVAL_MS = 1000;
/** The owner reads and writes, nobody else. */
const MODE = 0o600;

/** What was read from a FIFO, and was of no use. */
export interface FifoCounters {
  /** Lines that change the state of an instance or group. */
  notices: number;
  /** Lines that are not keepalived's, overlong ones included. */
  malformed: number;
}

export interface NotifyFifoOptions {
  readonly path: string;
  readonly notice: (notice: KeepalivedNotice) => void;
  /** Called when the FIFO is gone or cannot be read, once until it can be read again. */
  readonly warn: (text: string) => void;
}

/** The FIFO cannot be made or used: one line that names it. */
export class FifoError extends Error {
  override readonly name = 'FifoError';
}

/**
 * Reads keepalived's notify FIFO: makes it (mode 0600) where it is missing, and opens it anew where it was removed and
 * made again. Both ends are open as long as we live, so that keepalived may end and start as it likes. What keepalived
 * writes while nobody reads waits in the pipe (64 KiB, pipe(7)).
 */
export class NotifyFifo {
  readonly counters: FifoCounters = { notices: 0, malformed: 0 };
  private readonly options: NotifyFifoOptions;
  private stream: Socket | undefined;
  private inode: Pick<Stats, 'dev' | 'ino'> | undefined;
  private wasWarned = false;
  private readonly cancelChecks: () => void;

  /** @throws FifoError */
  constructor(options: NotifyFifoOptions) {
    this.options = options;
    this.open();
    this.cancelChecks = everyAbout(CHECK_INTERVAL_MS, () => this.check());
  }

  close(): void {
    this.cancelChecks();
    this.stream?.destroy();
  }

  private check(): void {
    try {
      const found = lstatSync(this.options.path, { throwIfNoEntry: false });
      const isOurs = found !== undefined && found.ino === this.inode?.ino && found.dev === this.inode.dev;
      if (!isOurs) this.open();
      this.wasWarned = false;
    } catch (error) {
      if (!(error instanceof FifoError)) throw error;
      this.inode = undefined;
      if (!this.wasWarned) this.options.warn(error.message);
      this.wasWarned = true;
    }
  }

  private open(): void {
    const { path } = this.options;
    makeFifo(path);
    const fd = openFifo(path);
    this.inode = fstatSync(fd);
    const lines = new LineSplitter(LINE_MAX);
    const stream = new Socket({ fd, readable: true, writable: false });
    stream.on('data', (chunk) => this.take(lines, chunk));
    stream.on('error', (error) => this.options.warn(`keepalived FIFO \`${path}': ${error.message}`));
    stream.on('close', () => {
      // Opened anew by the next check.
      if (this.stream === stream) this.inode = undefined;
    });
    this.stream?.destroy();
    this.stream = stream;
  }

  private take(lines: LineSplitter, chunk: Uint8Array): void {
    const { counters } = this;
    const overlong = lines.overlong;
    for (const line of lines.push(chunk)) {
      const notice = parseKeepalivedLine(line);
      if (notice === undefined) counters.malformed++;
      else if (notice !== 'event') {
        counters.notices++;
        this.options.notice(notice);
      }
    }
    counters.malformed += lines.overlong - overlong;
  }
}

function makeFifo(path: string): void {
  try {
    mkfifo(path, MODE);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.errno !== Errno.EEXIST) throw new FifoError(`keepalived FIFO: ${error.message}`);
  }
}

/** @throws FifoError where it is no FIFO, or one that others may write to: they could make this node primary */
function openFifo(path: string): number {
  const refuse = (why: string): never => {
    throw new FifoError(`keepalived FIFO \`${path}': ${why}`);
  };
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    return refuse((error as Error).message);
  }
  const { mode, uid } = fstatSync(fd);
  const why =
    (mode & constants.S_IFMT) !== constants.S_IFIFO
      ? 'there is something else than a FIFO'
      : uid !== process.geteuid!() && uid !== 0
        ? `it belongs to user ${uid}, expected root or this user`
        : mode & 0o022
          ? `others may write to it (mode 0${(mode & 0o777).toString(8)}), expected mode 0600`
          : undefined;
  if (why === undefined) return fd;
  closeSync(fd);
  return refuse(why);
}
