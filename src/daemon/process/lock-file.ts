import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { flock, LOCK_EX, LOCK_NB } from '../../system/file-calls.ts';

/** The lock file is taken. */
export class LockError extends Error {
  override readonly name = 'LockError';
}

/**
 * The lock file: it is there as long as the daemon runs, as the C node's is, so that scripts can look for it. Ours is locked
 * too and holds the process id, so that a crashed daemon's file can be distinguished from a running one's. An empty file is a
 * C node's, which may be dead or alive: it counts as taken.
 */
export class LockFile {
  private readonly path: string;
  private readonly fd: number;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
  }

  /** @throws LockError if another daemon has the file, or it cannot be written */
  static take(path: string): LockFile {
    const existed = exists(path);
    const fd = open(path);
    try {
      flock(fd, LOCK_EX | LOCK_NB);
      if (existed && fstatSync(fd).size === 0) throw taken(path);
    } catch {
      closeSync(fd);
      throw taken(path);
    }
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
    return new LockFile(path, fd);
  }

  /** Removes it; another daemon's, made after something had removed ours, stays. */
  release(): void {
    try {
      if (statSync(this.path).ino === fstatSync(this.fd).ino) unlinkSync(this.path);
    } catch {
      // Something else removed it, as primary-backup.sh may.
    }
    closeSync(this.fd);
  }
}

function taken(path: string): LockError {
  return new LockError(`lockfile \`${path}' exists, perhaps conntrackd already running?`);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function open(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (error) {
    throw new LockError(`can't create lockfile: ${(error as Error).message}`);
  }
}
