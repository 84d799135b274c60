import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';
import { KeyFileError, type LinkKey, parseKeyFile } from './key.ts';

/** Milliseconds from one look at the file to the next. */
const LOOK_MS = 1000;
/** A longer file is none of keys. */
const FILE_MAX_BYTES = 4096;
const OTHERS_MODE = 0o077;

/**
 * Reads a key file, which only its owner may read or write, and which belongs to root or to this process.
 * @throws KeyFileError that names the file
 */
export function readKeyFile(path: string): LinkKey[] {
  return read(path).keys;
}

/** Follows a key file, so that keys are changed while the daemon runs. */
export class KeyFile {
  /** The keys that hold: those of the last version of the file that could be read. */
  keys: readonly LinkKey[];
  private readonly path: string;
  private readonly listeners = new Set<(keys: readonly LinkKey[]) => void>();
  private readonly timer: NodeJS.Timeout;
  private version: string;

  /**
   * @param report takes what became of a change: undefined, or why the keys until now stay
   * @throws KeyFileError if the file cannot be read now
   */
  constructor(path: string, report: (mistake: string | undefined) => void) {
    this.path = path;
    const { keys, version } = read(path);
    this.keys = keys;
    this.version = version;
    this.timer = setInterval(() => this.look(report), LOOK_MS);
    this.timer.unref();
  }

  /** Tells of each later change; returns what ends that. */
  subscribe(listener: (keys: readonly LinkKey[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private look(report: (mistake: string | undefined) => void): void {
    let version: string;
    try {
      version = versionOf(statSync(this.path));
    } catch (error) {
      version = `missing: ${(error as NodeJS.ErrnoException).code}`;
    }
    if (version === this.version) return;
    this.version = version;
    try {
      const found = read(this.path);
      this.keys = found.keys;
      this.version = found.version;
    } catch (error) {
      if (!(error instanceof KeyFileError)) throw error;
      report(error.message);
      return;
    }
    for (const listener of this.listeners) listener(this.keys);
    report(undefined);
  }
}

function read(path: string): { readonly keys: LinkKey[]; readonly version: string } {
  let fd: number;
  try {
    // A FIFO must not make the daemon wait.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new KeyFileError(`key file ${path}: ${(error as Error).message}`);
  }
  try {
    const stats = fstatSync(fd);
    const mistake = mistakeOf(stats);
    if (mistake !== undefined) throw new KeyFileError(mistake);
    return { keys: parseKeyFile(readFileSync(fd, 'utf8')), version: versionOf(stats) };
  } catch (error) {
    throw new KeyFileError(`key file ${path}: ${(error as Error).message}`);
  } finally {
    closeSync(fd);
  }
}

function mistakeOf(stats: Stats): string | undefined {
  if (!stats.isFile()) return 'expected a regular file';
  if (stats.size > FILE_MAX_BYTES) return `it has ${stats.size} bytes, expected at most ${FILE_MAX_BYTES}`;
  if (stats.uid !== 0 && stats.uid !== process.geteuid?.())
    return 'it belongs to another user, expected root';
  if ((stats.mode & OTHERS_MODE) !== 0) return 'others than its owner have rights to it: chmod 600';
  return undefined;
}

function versionOf({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [ino, size, mtimeMs, ctimeMs].join('/');
}
