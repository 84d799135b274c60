import { AF_UNIX, type Libc, SOCK_DGRAM, SOCK_NONBLOCK } from './libc.ts';

/** A socket to send with, and another one that datagrams of this process reach. */
export interface UnixSockets {
  readonly sender: number;
  readonly receiver: number;
  /** The receiver's `struct sockaddr_un`, of a name that nobody else has. */
  readonly address: Uint8Array;
}

/**
 * Opens two UNIX datagram sockets, the receiver under an abstract name of the kernel's choice (unix(7)): it is received
 * from like any other, and no packet filter and no connection tracking see what comes.
 * @throws SystemError; none is open then
 */
export function openUnixSockets(libc: Libc): UnixSockets {
  const opened: number[] = [];
  const open = (): number => {
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    opened.push(fd);
    return fd;
  };
  try {
    const sender = open();
    const receiver = open();
    // An address that is the family alone asks for a name.
    libc.bind(receiver, new Uint8Array(Uint16Array.of(AF_UNIX).buffer));
    return { sender, receiver, address: libc.getsockname(receiver) };
  } catch (error) {
    for (const fd of opened) libc.close(fd);
    throw error;
  }
}
