import { lstatSync, type Stats, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { AF_UNIX, libc, SOCK_NONBLOCK, SOCK_STREAM } from '../system/libc.ts';
import { everyAbout } from '../system/process/chores.ts';
import { unixAddress } from '../system/socket-address.ts';
import { checkSocketPath } from './path.ts';

/** Connections that the kernel keeps for us, as C's default. */
const BACKLOG = 100;

/** The control socket cannot be opened. */
export class ControlSocketError extends Error {
  override readonly name = 'ControlSocketError';
}

export interface ListenerOptions {
  readonly onClient: (socket: Socket) => void;
  readonly checkIntervalMs: number;
  /** The socket's file was gone and is there again, or cannot be made; once for each reason. */
  readonly report: (text: string) => void;
}

type FileId = Pick<Stats, 'dev' | 'ino'>;

/**
 * Listens on a UNIX socket with a name in the file system, for its owner alone (mode 0600). Makes the file again where it was
 * removed: a socket without a name is out of reach for new clients, and nothing reports that to its owner.
 *
 * The socket is bound here and not by Node, which removes whatever has the name in the end, even another daemon's socket.
 */
export class Listener {
  private readonly path: string;
  private readonly options: ListenerOptions;
  private server: Server | undefined;
  private file: FileId | undefined;
  private cancelChecks: (() => void) | undefined;
  private reported: string | undefined;
  private isChecking = false;

  private constructor(path: string, options: ListenerOptions) {
    this.path = path;
    this.options = options;
  }

  /** @throws ControlSocketError, RangeError about the path */
  static async open(path: string, options: ListenerOptions): Promise<Listener> {
    checkSocketPath(path);
    const listener = new Listener(path, options);
    await removeStaleSocket(path);
    await listener.listen();
    listener.cancelChecks = everyAbout(options.checkIntervalMs, () => void listener.check());
    return listener;
  }

  /** Stops listening, and removes the file if it is ours. Resolves when the last client has gone. */
  async close(): Promise<void> {
    this.cancelChecks?.();
    this.cancelChecks = undefined;
    const { server } = this;
    this.server = undefined;
    if (this.hasFile()) unlinkSync(this.path);
    if (server !== undefined) await closed(server);
  }

  private async check(): Promise<void> {
    if (this.isChecking || this.hasFile()) return;
    this.isChecking = true;
    try {
      await removeStaleSocket(this.path);
      if (this.cancelChecks === undefined || this.server === undefined) return;
      const former = this.server;
      await this.listen();
      // Its clients get the rest of their answers.
      former.close();
      this.options.report(`control socket \`${this.path}' was gone: made it again`);
      this.reported = undefined;
    } catch (error) {
      if (!(error instanceof ControlSocketError)) throw error;
      if (this.reported === error.message) return;
      this.reported = error.message;
      this.options.report(`${error.message}; it is gone, and clients cannot reach this daemon: trying again`);
    } finally {
      this.isChecking = false;
    }
  }

  /**
   * Drops the clients that wait to be accepted, with the socket; the next check makes it again. For want of descriptors they
   * could neither be accepted nor turned away, and would keep the event loop busy.
   */
  suspend(): void {
    this.server?.close();
    if (this.hasFile()) unlinkSync(this.path);
    this.file = undefined;
  }

  private hasFile(): boolean {
    try {
      const found = lstatSync(this.path, { throwIfNoEntry: false });
      return found !== undefined && found.ino === this.file?.ino && found.dev === this.file.dev;
    } catch {
      return false;
    }
  }

  private async listen(): Promise<void> {
    const { path } = this;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, this.options.onClient);
    const fail = (error: unknown) =>
      new ControlSocketError(`control socket \`${path}': ${(error as Error).message}`);
    let fd: number;
    try {
      fd = bindSocket(path);
    } catch (error) {
      throw fail(error);
    }
    const file = lstatSync(path);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(fail(error)));
      server.listen({ fd, backlog: BACKLOG }, resolve);
    });
    server.removeAllListeners('error').on('error', () => this.suspend());
    this.server = server;
    this.file = file;
  }
}

/** Binds a socket; its file is its owner's alone from the beginning. */
function bindSocket(path: string): number {
  const fd = libc().socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const before = process.umask(0o177);
  try {
    // `@` begins an abstract name.
    libc().bind(fd, unixAddress(path.startsWith('@') ? `./${path}` : path));
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  } finally {
    process.umask(before);
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Removes a socket at `path` that no daemon listens on. @throws ControlSocketError if it cannot */
export async function removeStaleSocket(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new ControlSocketError(`control socket \`${path}': ${(error as Error).message}`);
  }
  if (!isSocket)
    throw new ControlSocketError(`control socket \`${path}': there is something else than a socket`);
  if (await isListening(path)) throw new ControlSocketError(`another daemon answers on \`${path}'`);
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new ControlSocketError(`control socket \`${path}': ${(error as Error).message}`);
  }
}

/** True if a process listens at `path`, even if its backlog is full. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
