import { AF_UNIX, type Libc, SOCK_DGRAM, SOCK_NONBLOCK } from './libc.ts';

/** A socket that datagrams of this process reach, and where it is reached. */
export interface UnixReceiver {
  readonly fd: number;
  /** `struct sockaddr_un`, of a name that nobody else has. */
  readonly address: Uint8Array;
}

/**
 * Opens a UNIX datagram socket under an abstract name of the kernel's choice (unix(7)): it is received from like any
 * other, and no packet filter and no connection tracking see what comes.
 */
export function openUnixReceiver(libc: Libc): UnixReceiver {
  const fd = openUnixSender(libc);
  try {
    // An address that is the family alone asks for a name.
    libc.bind(fd, new Uint8Array(Uint16Array.of(AF_UNIX).buffer));
    return { fd, address: libc.getsockname(fd) };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

export function openUnixSender(libc: Libc): number {
  return libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
}
