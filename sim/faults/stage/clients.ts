import { connect, type Socket } from 'node:net';
import { requestBytes } from '../../../src/control/client.ts';
import { Request } from '../../../src/control/codes.ts';

/** Clients of a control socket that hold their connections. */
export interface Clients {
  readonly sockets: readonly Socket[];
  close(): void;
}

/**
 * Opens connections to a control socket. None of them reads.
 * @param first what each sends first; nothing if empty
 */
export function openClients(path: string, count: number, first: Uint8Array = new Uint8Array()): Clients {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(path);
    // A node may turn them away, which is what is tried.
    socket.on('error', () => {});
    socket.pause();
    if (first.length > 0) socket.write(first);
    return socket;
  });
  return {
    sockets,
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The first half of a request for the statistics, which does no harm if it is taken for a whole one. */
export const HALF_REQUEST: Uint8Array = requestBytes(Request.STATISTICS).subarray(0, 2);

/** Clients that ask for something and never read the answer. */
export function openReaders(path: string, count: number, request: number): Clients {
  return openClients(path, count, requestBytes(request));
}
