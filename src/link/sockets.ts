/** Opening the sockets of a link with the options that C's udp.c, mcast.c and tcp.c set. */

import type { Socket } from 'node:net';
import type { LinkConfig, MulticastLinkConfig, UnicastLinkConfig } from '../config/config.ts';
import { Errno } from '../system/errno.ts';
import { ifNameToIndex, interfaceMtu } from '../system/interfaces.ts';
import {
  AF_INET,
  AF_INET6,
  type Libc,
  SO_BINDTODEVICE,
  SO_NO_CHECK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../system/libc.ts';
import { SOL_UDP, UDP_GRO, UDP_SEGMENT } from '../system/message-header.ts';
import { SystemError } from '../system/system-error.ts';
import { bindExclusively, isOtherNode } from './exclusive-bind.ts';
import { LinkError } from './link.ts';
import { portOwners } from './port-owner.ts';
import { groupRequest4, groupRequest6, socketAddress } from './socket-address.ts';

export type DatagramLinkConfig = MulticastLinkConfig | (UnicastLinkConfig & { readonly transport: 'udp' });

const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_USER_TIMEOUT = 18;
const IPPROTO_IP = 0;
const IP_MULTICAST_IF = 32;
const IP_MULTICAST_LOOP = 34;
const IP_ADD_MEMBERSHIP = 35;
const IP_MULTICAST_ALL = 49;
const IPPROTO_IPV6 = 41;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_LOOP = 19;
const IPV6_ADD_MEMBERSHIP = 20;
const IPV6_V6ONLY = 26;

/** One classic BPF instruction, `ret #0`: keeps nothing of any packet (code 6, k 0; linux/filter.h). */
function dropAll(): Uint8Array {
  return new Uint8Array(Uint16Array.of(0x06, 0, 0, 0).buffer);
}

/** A link's interface as it was found. */
export interface Device {
  readonly index: number;
  /** Bytes. */
  readonly mtu: number;
}

/** @throws LinkError if there is no such interface */
export function findDevice(config: { readonly interface: string; readonly line: number }): Device {
  try {
    return { index: ifNameToIndex(config.interface), mtu: interfaceMtu(config.interface) };
  } catch (error) {
    if (error instanceof SystemError && error.errno === Errno.ENODEV) {
      throw new LinkError(
        `interface \`${config.interface}' does not exist: create it, or name another`,
        config.line,
      );
    }
    throw unnamed(error, config.line);
  }
}

/** Where the datagrams of this link go: `struct sockaddr_in` or `sockaddr_in6`. */
export function destinationOf(config: DatagramLinkConfig, device: Device): Uint8Array {
  const to = config.transport === 'multicast' ? config.group : config.destination;
  return socketAddress(config.family, to, config.port, device.index);
}

/**
 * The socket to send on. Over UDP it has the link's own address, where C leaves the choice to the kernel: of several addresses of
 * the interface the kernel may choose another one than the peer expects. The kernel chooses the port. What strangers send to
 * that port is dropped by the kernel.
 * @throws LinkError
 */
export function openSender(libc: Libc, config: DatagramLinkConfig, device: Device, warn: Warn): number {
  return open(libc, config, (fd) => {
    const { family } = config;
    libc.attachFilter(fd, dropAll());
    // Linux honours it for IPv4 only; IPv6 datagrams carry a checksum anyway, the C node's too.
    libc.setsockoptInt(fd, SOL_SOCKET, SO_NO_CHECK, config.checksum ? 0 : 1);
    setBuffer(libc, fd, 'SndSocketBuffer', config.sendBuffer, config, warn);
    if (config.transport !== 'multicast') {
      libc.bind(fd, socketAddress(family, config.address, 0, device.index));
      return;
    }
    if (family === 4) {
      libc.setsockoptInt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
      const request = groupRequest4(config.group, config.interfaceAddress, device.index);
      onInterface(config, () => libc.setsockoptBytes(fd, IPPROTO_IP, IP_MULTICAST_IF, request));
    } else {
      libc.setsockoptInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
      libc.setsockoptInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, device.index);
    }
  });
}

/**
 * Whether the kernel segments what is sent together (UDP_SEGMENT, Linux 4.18). It does so only where it computes the checksum, and
 * does not report before the first attempt whether the device can.
 */
export function canSegment(libc: Libc, fd: number, config: DatagramLinkConfig): boolean {
  return config.checksum && isSupported(() => libc.getsockoptInt(fd, SOL_UDP, UDP_SEGMENT));
}

/** Uses an option that older kernels lack. Returns whether this one has it. */
function isSupported(option: () => void): boolean {
  try {
    option();
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.errno === Errno.ENOPROTOOPT) return false;
    throw error;
  }
}

/**
 * The socket to receive on, bound to the link's own address or to its group, which is then no other node's.
 * @param onlyItsInterface what comes in on other interfaces is not for this link
 * @throws LinkError
 */
export function openReceiver(
  libc: Libc,
  config: DatagramLinkConfig,
  device: Device,
  warn: Warn,
  onlyItsInterface: boolean,
): number {
  return open(libc, config, (fd) => {
    const { family, port } = config;
    setBuffer(libc, fd, 'RcvSocketBuffer', config.receiveBuffer, config, warn);
    // Linux 5.0. Without it datagrams that were sent together are received one by one.
    isSupported(() => libc.setsockoptInt(fd, SOL_UDP, UDP_GRO, 1));
    if (onlyItsInterface) bindToInterface(libc, fd, config);
    const own = config.transport === 'multicast' ? config.group : config.address;
    const address = socketAddress(family, own, port, device.index);
    bindExclusively(libc, fd, address, port);
    if (config.transport !== 'multicast') return;
    // A socket must not get what comes for another link's membership in the same group.
    if (family === 4) {
      libc.setsockoptInt(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
      const request = groupRequest4(config.group, config.interfaceAddress, device.index);
      onInterface(config, () => libc.setsockoptBytes(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, request));
    } else {
      // IPV6_MULTICAST_ALL does not help: it tells groups apart, but not interfaces (Linux's inet6_mc_check).
      bindToInterface(libc, fd, config);
      const request = groupRequest6(config.group, device.index);
      onInterface(config, () => libc.setsockoptBytes(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, request));
    }
  });
}

function bindToInterface(libc: Libc, fd: number, config: LinkConfig): void {
  libc.setsockoptBytes(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${config.interface}\0`));
}

/** Milliseconds that sent data may stay unacknowledged before the connection counts as broken; tcp(7). */
const USER_TIMEOUT_MS = 20_000;

/** Which connections to a link's address and port are for other links. */
export interface ListenerScope {
  /** Those that come in on other interfaces. */
  readonly onlyItsInterface: boolean;
  /** Of a link over IPv6: those over IPv4. */
  readonly onlyItsFamily: boolean;
}

/**
 * The socket of a TCP link to listen on, bound to the link's own address. Connections inherit its options.
 * @throws LinkError
 */
export function openListener(
  libc: Libc,
  config: UnicastLinkConfig,
  device: Device,
  warn: Warn,
  { onlyItsInterface, onlyItsFamily }: ListenerScope,
): number {
  return open(libc, config, (fd) => {
    const { family, port, address } = config;
    libc.setsockoptInt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    libc.setsockoptInt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    setBuffer(libc, fd, 'RcvSocketBuffer', config.receiveBuffer, config, warn);
    if (onlyItsInterface) bindToInterface(libc, fd, config);
    if (onlyItsFamily) libc.setsockoptInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    libc.bind(fd, socketAddress(family, address, port, device.index));
  });
}

/**
 * Tries on a socket of its own what {@link prepareConnection} will do, so that a warning comes at the start.
 * @throws LinkError
 */
export function checkSendBuffer(libc: Libc, config: UnicastLinkConfig, warn: Warn): void {
  const fd = open(libc, config, (probe) =>
    setBuffer(libc, probe, 'SndSocketBuffer', config.sendBuffer, config, warn),
  );
  libc.close(fd);
}

/**
 * Sets the options of a new connection that Node has no name for. Without TCP_USER_TIMEOUT the kernel retransmits for a
 * quarter of an hour at growing intervals, and a peer that was reset would wait for that.
 */
export function prepareConnection(libc: Libc, socket: Socket, config: UnicastLinkConfig): void {
  // Undocumented, and there since Node 0.x. Without it the connection works with the kernel's defaults.
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return;
  try {
    libc.setsockoptInt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
    setBuffer(libc, fd, 'SndSocketBuffer', config.sendBuffer, config, () => {});
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}

/** Takes a line about something that works less well than asked for. */
export type Warn = (text: string) => void;

function open(libc: Libc, config: LinkConfig, prepare: (fd: number) => void): number {
  const type = config.transport === 'tcp' ? SOCK_STREAM : SOCK_DGRAM;
  let fd: number;
  try {
    fd = libc.socket(config.family === 4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK, 0);
  } catch (error) {
    throw failure(error, config);
  }
  try {
    prepare(fd);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw failure(error, config);
  }
}

/** Sets a buffer's size in bytes; 0 leaves the kernel's default. Forced where this process may do so. */
function setBuffer(
  libc: Libc,
  fd: number,
  word: 'SndSocketBuffer' | 'RcvSocketBuffer',
  bytes: number,
  config: LinkConfig,
  warn: Warn,
): void {
  if (bytes === 0) return;
  const sending = word === 'SndSocketBuffer';
  const name = sending ? SO_SNDBUF : SO_RCVBUF;
  try {
    libc.setsockoptInt(fd, SOL_SOCKET, sending ? SO_SNDBUFFORCE : SO_RCVBUFFORCE, bytes);
  } catch (error) {
    if (
      !(error instanceof SystemError) ||
      (error.errno !== Errno.EPERM && error.errno !== Errno.ENOPROTOOPT)
    ) {
      throw error;
    }
    libc.setsockoptInt(fd, SOL_SOCKET, name, bytes);
  }
  // The kernel doubles what is asked for, to have room for its own records, socket(7).
  const got = libc.getsockoptInt(fd, SOL_SOCKET, name) / 2;
  if (got >= bytes) return;
  const limit = sending ? 'net.core.wmem_max' : 'net.core.rmem_max';
  warn(
    `${word} of interface \`${config.interface}' is ${got} bytes, not ${bytes}: ` +
      `run with CAP_NET_ADMIN or raise ${limit} (conntrackd.conf: link in line ${config.line})`,
  );
}

function onInterface(config: DatagramLinkConfig, request: () => void): void {
  try {
    request();
  } catch (error) {
    const errno = error instanceof SystemError ? error.errno : 0;
    if (config.transport === 'multicast' && (errno === Errno.ENODEV || errno === Errno.EADDRNOTAVAIL)) {
      const which =
        config.interfaceAddress === undefined
          ? `interface \`${config.interface}' takes part in no multicast`
          : `no interface of this machine has the address ${config.interfaceAddress} (IPv4_interface)`;
      throw new LinkError(`${which}: add the address to the interface, or correct the file`, config.line);
    }
    throw error;
  }
}

/** The error of opening a link's socket as one line with advice, if the error is a known one. */
export function failure(error: unknown, config: LinkConfig): unknown {
  if (error instanceof LinkError || !(error instanceof Error)) return error;
  const own = config.transport === 'multicast' ? config.group : config.address;
  const port = config.transport === 'multicast' ? 'Group' : 'Port';
  // Node's own errors have the negative number.
  switch (Math.abs(Number((error as { errno?: number }).errno))) {
    case Errno.EADDRNOTAVAIL:
      return new LinkError(
        `address ${own} is not on this machine: add it to interface \`${config.interface}', or correct the file` +
          (config.family === 6 ? '; an IPv6 address that is still tentative does not count' : ''),
        config.line,
      );
    case Errno.EADDRINUSE:
      return new LinkError(
        `${port} ${config.port} of address ${own} is in use${ownersText(config)}: stop the program that has it, or choose another`,
        config.line,
      );
    case Errno.EACCES:
      return new LinkError(
        `no permission to use ${port} ${config.port}: run as root, or choose 1024 or more`,
        config.line,
      );
    default:
      return unnamed(error, config.line);
  }
}

/** Who has a link's port: ` by process 123 (conntrackd)`; `, it seems` where that cannot be seen; nothing where it is unknown. */
function ownersText({ transport, port }: LinkConfig): string {
  const { owners, suspects } = portOwners(transport === 'tcp' ? 'tcp' : 'udp', port);
  const seen = owners.filter(({ pid }) => pid !== process.pid);
  const supposed = seen.length === 0 ? suspects.filter(isOtherNode) : [];
  const named = [...seen, ...supposed].map(({ pid, name }) => `${pid} (${name})`).join(', ');
  return named === '' ? '' : ` by process ${named}${supposed.length > 0 ? ', it seems' : ''}`;
}

function unnamed(error: unknown, line: number): unknown {
  if (error instanceof LinkError || !(error instanceof Error)) return error;
  return new LinkError(`cannot open the link: ${error.message}`, line);
}
