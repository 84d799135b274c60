import { connect } from 'node:net';
import { endianness } from 'node:os';
import { Writable } from 'node:stream';
import { checkSocketPath } from './path.ts';

/** The daemon did not take the request. `cause` is the reason. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The daemon took the request, and then nothing came from it for too long. */
export class SilentError extends Error {
  override readonly name = 'SilentError';
}

/** Keeps an answer as text. */
export class TextCollector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** The 4 bytes of a request, in this machine's byte order. */
export function requestBytes(request: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, request, endianness() === 'LE');
  return bytes;
}

/** The request in 4 bytes of this machine's byte order. */
export function requestIn(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, endianness() === 'LE');
}

/** Bytes of an answer that are read at a time. */
const ANSWER_BUFFER_SIZE = 65_536;

/**
 * Sends one request to the daemon whose control socket is `path`, and passes its answer on to `output` as it comes, no
 * faster than `output` takes it. Resolves when the daemon has closed the connection, in whatever way, as the C client
 * does; also when `output` has been closed by its reader.
 * @param silenceMs how long the daemon may send nothing, while `output` takes what it sends; 0 for ever
 * @throws SilentError if it sends nothing for longer
 * @throws UnreachableError if the daemon cannot be connected to, or goes away before it has the request.
 * @throws RangeError if `path` is too long for a socket.
 */
export function askDaemon(path: string, request: number, output: Writable, silenceMs = 0): Promise<void> {
  return exchange(path, request, output, silenceMs, (chunk) => Buffer.from(chunk));
}

/** The answer to a request as text; otherwise as {@link askDaemon}. */
export async function askDaemonForText(path: string, request: number, silenceMs = 0): Promise<string> {
  const answer = new TextCollector();
  await askDaemon(path, request, answer, silenceMs);
  return answer.text;
}

/**
 * As {@link askDaemon}, for an `output` that is done with a chunk when it calls back, such as standard output: the chunk's memory is used
 * again for the next one. A buffer for each chunk of a large dump would fill tens of megabytes before the garbage collector
 * comes, in each of many clients.
 */
export function relayAnswer(path: string, request: number, output: Writable, silenceMs = 0): Promise<void> {
  return exchange(path, request, output, silenceMs, (chunk) => chunk);
}

async function exchange(
  path: string,
  request: number,
  output: Writable,
  silenceMs: number,
  chunkFor: (read: Uint8Array) => Uint8Array,
): Promise<void> {
  checkSocketPath(path);
  await new Promise<void>((resolve, reject) => {
    let sent = false;
    let isWriting = false;
    let hasEnded = false;
    const buffer = Buffer.allocUnsafe(ANSWER_BUFFER_SIZE);
    const written = () => {
      isWriting = false;
      if (hasEnded) {
        finish();
        return;
      }
      socket.setTimeout(silenceMs);
      socket.resume();
    };
    const socket = connect({
      path,
      onread: {
        buffer,
        callback: (size, bytes) => {
          isWriting = true;
          output.write(chunkFor(bytes.subarray(0, size)), written);
          return !isWriting;
        },
      },
    });
    const leave = () => {
      output.off('error', finish);
      output.off('close', finish);
      socket.destroy();
    };
    const finish = () => {
      leave();
      resolve();
    };
    socket.setTimeout(silenceMs);
    socket.on('timeout', () => {
      // It is not the daemon's silence while nobody reads what it sent.
      if (isWriting) return;
      leave();
      reject(
        new SilentError(`the daemon has sent nothing for ${silenceMs / 1000} s: is it stopped, or busy?`),
      );
    });
    output.once('error', finish);
    output.once('close', finish);
    socket.on('error', (cause) => {
      if (sent) return;
      leave();
      reject(new UnreachableError(`control socket \`${path}': ${cause.message}`, { cause }));
    });
    socket.on('close', () => {
      hasEnded = true;
      if (!isWriting) finish();
    });
    socket.on('connect', () => {
      socket.write(requestBytes(request), (error) => {
        sent = !error;
      });
    });
  });
}
