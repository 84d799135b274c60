/**
 * The calls on sockets that Node lacks, as thin functions over libc.
 *
 * Calls that set something up throw {@link SystemError}; calls that move data (`receive`, `sendTo` and those over many messages)
 * give a negative errno instead, since EAGAIN is an everyday answer there.
 */

import { readNativeI32 } from '../bytes/endian.ts';
import { Errno } from './errno.ts';
import { bind, check, lastErrno, systemError } from './native.ts';
import { NativeMemory } from './native-memory.ts';
import { AF_UNIX, unixAddress } from './socket-address.ts';
import type { SystemError } from './system-error.ts';

export { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX } from './socket-address.ts';

/** Constants of `sys/socket.h` and its neighbours (Linux; the same on every architecture that koffi is loaded on). */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_NO_CHECK = 11;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_BINDTODEVICE = 25;
export const SO_ATTACH_FILTER = 26;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_TIMESTAMPNS = 35;
export const MSG_PEEK = 0x2;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_WAITFORONE = 0x10000;

const SIZEOF_SOCK_FPROG = 16;

type Call<A extends unknown[]> = (...args: A) => number;

/** Calls by name; unless stated otherwise, a failed one throws {@link SystemError}. */
export class Libc {
  private readonly calls: {
    socket: Call<[number, number, number]>;
    close: Call<[number]>;
    bind: Call<[number, Uint8Array, number]>;
    connect: Call<[number, Uint8Array, number]>;
    getsockname: Call<[number, Uint8Array, Int32Array]>;
    setsockopt: Call<[number, number, number, Uint8Array, number]>;
    getsockopt: Call<[number, number, number, Uint8Array, Int32Array]>;
    sendto: Call<[number, Uint8Array, number, number, Uint8Array | null, number]>;
    recv: Call<[number, Uint8Array, number, number]>;
    recvmmsg: Call<[number, number, number, number, number]>;
    sendmsg: Call<[number, number, number]>;
  };

  constructor() {
    this.calls = {
      socket: bind('int socket(int, int, int)'),
      close: bind('int close(int)'),
      bind: bind('int bind(int, const uint8_t *, uint32_t)'),
      connect: bind('int connect(int, const uint8_t *, uint32_t)'),
      getsockname: bind('int getsockname(int, uint8_t *, int32_t *)'),
      setsockopt: bind('int setsockopt(int, int, int, const uint8_t *, uint32_t)'),
      getsockopt: bind('int getsockopt(int, int, int, uint8_t *, int32_t *)'),
      sendto: bind('long sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint32_t)'),
      recv: bind('long recv(int, uint8_t *, size_t, int)'),
      recvmmsg: bind('int recvmmsg(int, int64_t, uint32_t, int, int64_t)'),
      sendmsg: bind('long sendmsg(int, int64_t, int)'),
    };
  }

  /** The error of a call that gave this errno. */
  error(call: string, errno: number): SystemError {
    return systemError(call, errno);
  }

  /** Opens a socket that programs started by this one do not inherit; returns its descriptor. */
  socket(domain: number, type: number, protocol: number): number {
    return check('socket', this.calls.socket(domain, type | SOCK_CLOEXEC, protocol));
  }

  close(fd: number): void {
    check('close', this.calls.close(fd));
  }

  bind(fd: number, address: Uint8Array): void {
    check('bind', this.calls.bind(fd, address, address.length));
  }

  connect(fd: number, address: Uint8Array): void {
    check('connect', this.calls.connect(fd, address, address.length));
  }

  /** The address the socket is bound to, a `struct sockaddr_*` in bytes. */
  getsockname(fd: number): Uint8Array {
    const address = new Uint8Array(128);
    const length = Int32Array.of(address.length);
    check('getsockname', this.calls.getsockname(fd, address, length));
    return address.subarray(0, length[0]);
  }

  setsockoptInt(fd: number, level: number, name: number, value: number): void {
    this.setsockoptBytes(fd, level, name, new Uint8Array(Int32Array.of(value).buffer));
  }

  setsockoptBytes(fd: number, level: number, name: number, value: Uint8Array): void {
    check('setsockopt', this.calls.setsockopt(fd, level, name, value, value.length));
  }

  getsockoptInt(fd: number, level: number, name: number): number {
    return readNativeI32(this.getsockoptBytes(fd, level, name, 4), 0);
  }

  /** The value of an option in its `size` bytes. */
  getsockoptBytes(fd: number, level: number, name: number, size: number): Uint8Array {
    const value = new Uint8Array(size);
    const length = Int32Array.of(size);
    check('getsockopt', this.calls.getsockopt(fd, level, name, value, length));
    return value;
  }

  /** Lets reads, or writes, of a socket fail with EAGAIN after so many milliseconds; 0 for never. */
  setTimeout(fd: number, name: typeof SO_RCVTIMEO | typeof SO_SNDTIMEO, milliseconds: number): void {
    const time = BigInt64Array.of(
      BigInt(Math.trunc(milliseconds / 1000)),
      BigInt(Math.round((milliseconds % 1000) * 1000)),
    );
    this.setsockoptBytes(fd, SOL_SOCKET, name, new Uint8Array(time.buffer));
  }

  /**
   * Attaches a classic BPF program to a socket (`SO_ATTACH_FILTER`). `program` is its instructions, 8 bytes each as in
   * `struct sock_filter`: code (u16), jt (u8), jf (u8), k (u32), in this machine's byte order.
   */
  attachFilter(fd: number, program: Uint8Array): void {
    if (program.length === 0 || program.length % 8 !== 0) {
      throw new RangeError(
        `a BPF program is a whole number of 8-byte instructions, not ${program.length} bytes`,
      );
    }
    // struct sock_fprog (u16 length, padding, pointer), and behind it in the same memory what it points to.
    const memory = new NativeMemory(SIZEOF_SOCK_FPROG + program.length);
    memory.bytes.set(program, SIZEOF_SOCK_FPROG);
    memory.shorts[0] = program.length / 8;
    memory.point(8, SIZEOF_SOCK_FPROG);
    check(
      'setsockopt SO_ATTACH_FILTER',
      this.calls.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, memory.bytes, SIZEOF_SOCK_FPROG),
    );
  }

  /** Sends `bytes[0, length)`, to `address` if one is given. Returns the bytes sent or a negative errno. */
  sendTo(fd: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array | null): number {
    for (;;) {
      const sent = this.calls.sendto(
        fd,
        bytes,
        length,
        flags,
        address,
        address === null ? 0 : address.length,
      );
      if (sent >= 0) return sent;
      const errno = lastErrno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }

  /** Reads once into `bytes`. Returns the bytes read (with MSG_TRUNC: the datagram's size) or a negative errno. */
  receive(fd: number, bytes: Uint8Array, flags: number): number {
    for (;;) {
      const read = this.calls.recv(fd, bytes, bytes.length, flags);
      if (read >= 0) return read;
      const errno = lastErrno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }

  /**
   * recvmmsg over a vector of `struct mmsghdr` at this address; messages received or a negative errno. For
   * {@link ReceiveBatch}.
   */
  receiveMany(fd: number, headers: number, count: number, flags: number): number {
    for (;;) {
      const read = this.calls.recvmmsg(fd, headers, count, flags, 0);
      if (read >= 0) return read;
      const errno = lastErrno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }

  /** sendmsg of the `struct msghdr` at this address; the bytes sent or a negative errno. For {@link SegmentationBatch}. */
  sendMessage(fd: number, header: number, flags: number): number {
    for (;;) {
      const sent = this.calls.sendmsg(fd, header, flags);
      if (sent >= 0) return sent;
      const errno = lastErrno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }

  /**
   * Sends one datagram to a UNIX datagram socket, such as systemd's NOTIFY_SOCKET. A path that begins with `@` is an
   * abstract one (unix(7)).
   */
  sendToUnix(path: string, bytes: Uint8Array): void {
    const to = unixAddress(path);
    const fd = this.socket(AF_UNIX, SOCK_DGRAM, 0);
    try {
      const sent = this.sendTo(fd, bytes, bytes.length, MSG_NOSIGNAL, to);
      if (sent < 0) throw this.error(`sendto ${path}`, -sent);
    } finally {
      this.close(fd);
    }
  }
}

let loaded: Libc | undefined;

/**
 * The calls on sockets; loads koffi when first called.
 * @throws Error in one line where this is no 64-bit Linux, or koffi is missing
 */
export function libc(): Libc {
  loaded ??= new Libc();
  return loaded;
}
