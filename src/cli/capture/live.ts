import type { Writable } from 'node:stream';
import { Errno } from '../../system/errno.ts';
import { IFF_LOOPBACK, ifNameToIndex, interfaceFlags, interfaceNames } from '../../system/interfaces.ts';
import { PacketSocket } from '../../system/packet/packet-socket.ts';
import { SystemError } from '../../system/system-error.ts';
import { type DecodeOptions, LineDecoder } from './line-decoder.ts';
import { compileLiveFilter } from './live-filter.ts';
import type { Write } from './output.ts';
import { dissectUnder } from './packet.ts';
import { counted, tallyText } from './tally.ts';

/** Milliseconds between two looks at what the kernel dropped, and whether the interface is still there. */
const LOOK_MS = 1000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** An interface cannot be heard. */
class InterfaceError extends Error {}

/** The interface of this name, opened. @throws InterfaceError */
function open(name: string, port: number | undefined): { socket: PacketSocket; index: number } {
  try {
    const index = ifNameToIndex(name);
    const isLoopback = (interfaceFlags(name) & IFF_LOOPBACK) !== 0;
    return { socket: new PacketSocket(index, compileLiveFilter({ port, isLoopback })), index };
  } catch (error) {
    throw new InterfaceError(openingText(name, error as Error));
  }
}

function openingText(name: string, error: Error): string {
  const errno = error instanceof SystemError ? error.errno : 0;
  if (errno === Errno.ENODEV) {
    return `interface \`${name}' does not exist, expected one of ${interfaceNames().join(', ')}`;
  }
  if (errno === Errno.EPERM || errno === Errno.EACCES) {
    return `no permission to hear interface \`${name}': run as root, or with CAP_NET_RAW`;
  }
  return `cannot hear interface \`${name}': ${error.message}`;
}

function isThere(name: string, index: number): boolean {
  try {
    return ifNameToIndex(name) === index;
  } catch {
    return false;
  }
}

/**
 * Prints the messages on an interface as they come, until the process gets SIGINT, SIGTERM or SIGHUP; then, on standard error, what
 * was seen. Resolves to the exit code: 1 where the interface cannot be heard, or is gone.
 * @throws OutputClosed
 */
export async function decodeInterface(
  name: string,
  options: DecodeOptions,
  stderr: Writable,
  write: Write,
): Promise<0 | 1> {
  const decoder = new LineDecoder(options);
  let socket: PacketSocket;
  let index: number;
  try {
    ({ socket, index } = open(name, options.port));
  } catch (error) {
    if (!(error instanceof InterfaceError)) throw error;
    stderr.write(`decode: ${error.message}\n`);
    return 1;
  }
  const { tally } = decoder;
  const end = new AbortController();
  const stop = (): void => end.abort();
  for (const signal of SIGNALS) process.once(signal, stop);
  let isGone = false;
  const look = (): void => {
    const before = tally.dropped;
    tally.dropped = socket.dropped;
    if (tally.dropped > before) {
      const packets = counted(tally.dropped - before, 'packet', 'packets');
      stderr.write(`decode: the kernel dropped ${packets}, because they came faster than they are printed\n`);
    }
    isGone = !isThere(name, index);
    if (isGone) stop();
  };
  const timer = setInterval(look, LOOK_MS);
  try {
    stderr.write(`decode: listening on ${name}\n`);
    await printPackets(socket, decoder, write, end.signal, () =>
      stderr.write(`decode: interface \`${name}' is down: waiting until it is up\n`),
    );
    if (!isGone) look();
  } finally {
    clearInterval(timer);
    for (const signal of SIGNALS) process.removeListener(signal, stop);
    socket.close();
  }
  if (isGone) stderr.write(`decode: interface \`${name}' is gone\n`);
  stderr.write(`${name}: ${tallyText(tally)}\n`);
  return isGone ? 1 : 0;
}

/** Prints until the signal. @throws OutputClosed, SystemError */
function printPackets(
  socket: PacketSocket,
  decoder: LineDecoder,
  write: Write,
  end: AbortSignal,
  onDown: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    end.addEventListener('abort', () => resolve(), { once: true });
    const watch = socket.watch(() => {
      let lines = '';
      try {
        socket.read((etherType, bytes, seconds, nanoseconds) => {
          // In microseconds, as tcpdump writes them.
          const time = { seconds, nanoseconds: nanoseconds - (nanoseconds % 1000) };
          lines += decoder.take(time, dissectUnder(etherType, bytes));
        });
      } catch (error) {
        if (error instanceof SystemError && error.errno === Errno.ENETDOWN) onDown();
        else reject(error);
      }
      if (lines === '') return;
      // What comes meanwhile waits in the socket.
      watch.pause();
      write(lines).then(() => watch.resume(), reject);
    });
  });
}
