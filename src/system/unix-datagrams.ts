import { AF_UNIX, type Libc, SOCK_DGRAM, SOCK_NONBLOCK } from './libc.ts';

/** A socket to send with, and another one that datagrams of this process reach; and what it sends back reaches the first. */
export interface UnixSockets {
  readonly sender: number;
  readonly receiver: number;
  /** The receiver's `struct sockaddr_un`, of a name that nobody else has. */
  readonly address: Uint8Array;
  /** The sender's. */
  readonly senderAddress: Uint8Array;
}

/**
 * Opens two UNIX datagram sockets under abstract names of the kernel's choice (unix(7)): they are received from like any other, and no packet filter and no connection tracking see what comes.
 * @throws SystemError; none is open then
 */
export function openUnixSockets(libc: Libc): UnixSockets {
  const opened: number[] = [];
  const open = (): number => {
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    opened.push(fd);
    // An address that is the family alone asks for a name.
    libc.bind(fd, new Uint8Array(Uint16Array.of(AF_UNIX).buffer));
    return fd;
  };
  try {
    const sender = open();
    const receiver = open();
    return {
      sender,
      receiver,
      address: libc.getsockname(receiver),
      senderAddress: libc.getsockname(sender),
    };
  } catch (error) {
    for (const fd of opened) libc.close(fd);
    throw error;
  }
}
