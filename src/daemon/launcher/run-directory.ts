import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { mkfifo, setFileTimes } from '../../system/file-calls.ts';
import { SLOTS } from './request-line.ts';

const DEFAULT_BASE = '/var/run/conntrackd-ts';

const ATTEMPTS = 3;
/** The owner alone. */
const DIRECTORY_MODE = 0o700;
const FIFO_MODE = 0o600;

/**
 * Where the directories of daemons lie; undefined if there shall be none. `CONNTRACKD_TS_RUN_DIR` moves it, of the daemon
 * and its clients alike, or says `off`.
 */
export function runDirectoryBase(environment: NodeJS.ProcessEnv): string | undefined {
  const { CONNTRACKD_TS_RUN_DIR: named } = environment;
  return named === 'off' ? undefined : named || DEFAULT_BASE;
}

/** The file that a daemon was started with: its directory has its name. */
export interface ConfigurationFile {
  /** Absolute. */
  readonly path: string;
  /** When it was last changed, in nanoseconds since 1970, as it was before it was read. */
  readonly modifiedNs: bigint;
}

/**
 * A daemon's directory, the path of its configuration file below the base:
 *
 *     /var/run/conntrackd-ts/etc/conntrackd/conntrackd.conf/
 *       request          FIFO: clients write one line for each request
 *       answer-1 ...     FIFOs: a client reads the answer from the one whose lock it has made
 *       lock-1 ...       made by clients, with their process id; removed by the daemon
 *       configuration    empty; as old as the configuration file that the daemon has read
 *       daemon           the daemon's process id, a line
 *
 * It belongs to root, who alone may enter it: what others could put there would be orders to the daemon, or answers to
 * root's scripts.
 */
export class RunDirectory {
  readonly path: string;
  private readonly base: string;
  /** Open as long as the directory is ours, so that no other gets the number of its inode. */
  private fd: number | undefined;

  private constructor(base: string, path: string) {
    this.base = base;
    this.path = path;
    this.fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  }

  /**
   * Makes the directory anew, with all FIFOs; what a daemon that is gone left there is removed.
   * @throws Error that names the place, if the system refuses or the base may be written to by others
   */
  static make(base: string, configuration: ConfigurationFile): RunDirectory {
    const path = join(base, configuration.path);
    makeFolders(base, path);
    const made = new RunDirectory(base, path);
    for (let slot = 1; slot <= SLOTS; slot++) mkfifo(made.answer(slot), FIFO_MODE);
    const stamp = made.file('configuration');
    writeFileSync(stamp, '', { mode: FIFO_MODE });
    setFileTimes(stamp, configuration.modifiedNs);
    writeFileSync(made.file('daemon'), `${process.pid}\n`, { mode: FIFO_MODE });
    // Last: a client that finds it finds all.
    mkfifo(made.request, FIFO_MODE);
    return made;
  }

  get request(): string {
    return this.file('request');
  }

  answer(slot: number): string {
    return this.file(`answer-${slot}`);
  }

  lock(slot: number): string {
    return this.file(`lock-${slot}`);
  }

  /** Removes it, and the folders above that are then empty. Another daemon's, made of the same name since, stays. */
  remove(): void {
    if (this.fd === undefined) return;
    const isOurs = lstatSync(this.path, { throwIfNoEntry: false })?.ino === fstatSync(this.fd).ino;
    closeSync(this.fd);
    this.fd = undefined;
    if (!isOurs) return;
    rmSync(this.path, { recursive: true, force: true });
    try {
      for (let folder = dirname(this.path); folder.length >= this.base.length; folder = dirname(folder)) {
        rmdirSync(folder);
      }
    } catch {
      // Another daemon's directory is in it.
    }
  }

  private file(name: string): string {
    return join(this.path, name);
  }
}

/** Makes `base` and the folders below it down to `path`, and the last one anew. */
function makeFolders(base: string, path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      makePrivate(base);
      for (let at = path.indexOf('/', base.length + 1); at >= 0; at = path.indexOf('/', at + 1)) {
        makePrivate(path.slice(0, at));
      }
      rmSync(path, { recursive: true, force: true });
      makePrivate(path);
      return;
    } catch (error) {
      // Another daemon that ends removes the folders above its own that are empty.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Makes a directory, or checks the one that is there. @throws Error that names it */
function makePrivate(path: string): void {
  try {
    mkdirSync(path);
    // Whatever the umask is.
    chmodSync(path, DIRECTORY_MODE);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = lstatSync(path);
  if (!found.isDirectory()) throw new Error(`\`${path}' is no directory`);
  if (found.uid !== process.geteuid!()) {
    throw new Error(`\`${path}' belongs to user ${found.uid}, expected ${process.geteuid!()}`);
  }
  if ((found.mode & 0o022) !== 0) {
    throw new Error(
      `others may write to \`${path}' (mode 0${(found.mode & 0o777).toString(8)}), expected mode 0700`,
    );
  }
}
