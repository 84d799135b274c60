import { type Libc, SO_RCVBUF, SO_RCVBUFFORCE, SOL_SOCKET } from './libc.ts';

/** Sets a receive buffer to `bytes` as the kernel accounts it, which is twice the requested size; returns what it granted. */
export function setReceiveBuffer(system: Libc, fd: number, bytes: number): number {
  const half = Math.min(Math.trunc(bytes / 2), 0x3fffffff);
  try {
    system.setsockoptInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, half);
  } catch {
    // Without CAP_NET_ADMIN the system's limit (net.core.rmem_max) holds.
    system.setsockoptInt(fd, SOL_SOCKET, SO_RCVBUF, half);
  }
  return system.getsockoptInt(fd, SOL_SOCKET, SO_RCVBUF);
}
