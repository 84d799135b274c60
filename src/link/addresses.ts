import { writeNativeU16, writeNativeU32 } from '../bytes/endian.ts';
import { formatAddress } from '../flow/address.ts';
import { Errno } from '../system/errno.ts';
import { ifIndexToName } from '../system/interfaces.ts';
import { AF_NETLINK, type Libc, MSG_DONTWAIT, MSG_TRUNC, SO_RCVTIMEO, SOCK_RAW } from '../system/libc.ts';
import { watchReadable } from '../system/loop/readable-watch.ts';
import { align4, MESSAGE_HEADER, NLM_F_DUMP, NLM_F_REQUEST } from '../system/netlink.ts';
import { netlinkAddress } from '../system/socket-address.ts';
import { SystemError } from '../system/system-error.ts';
import {
  type AddressMessage,
  RTM_GETADDR,
  readAddressMessages,
  SIZEOF_IFADDRMSG,
} from './rtnetlink-addresses.ts';

const NETLINK_ROUTE = 0;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV6_IFADDR = 0x100;
const BUFFER_SIZE = 65_536;
/** How long to wait for a part of a dump, in milliseconds. */
const DUMP_TIMEOUT_MS = 5_000;

/** An address that an interface of this machine has. */
export interface InterfaceAddress {
  readonly interface: string;
  /** 4 or 16 bytes in network byte order. */
  readonly address: Uint8Array;
  /** The address as text, without prefix length or scope. */
  readonly text: string;
  /** False for an address with a lifetime, such as one of DHCP. */
  readonly isPermanent: boolean;
}

/** Receives what changed since the addresses were last read. */
export interface AddressListener {
  added(address: InterfaceAddress): void;
  removed(address: InterfaceAddress): void;
}

/** Follows the addresses of all interfaces of this network namespace, by rtnetlink. */
export class AddressWatch {
  private readonly system: Libc;
  private readonly listener: AddressListener;
  private readonly fd: number;
  private readonly buffer = new Uint8Array(new ArrayBuffer(BUFFER_SIZE));
  private readonly known = new Map<string, InterfaceAddress>();
  private readonly watch: { close(): void };
  private isBehind = false;

  /**
   * Tells the listener of every address that is there, then of every change.
   * @throws SystemError where rtnetlink cannot be asked
   */
  constructor(system: Libc, listener: AddressListener) {
    this.system = system;
    this.listener = listener;
    this.fd = system.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    try {
      system.bind(this.fd, netlinkAddress(0, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR));
      // After the socket is bound, so that no change is missed.
      this.readAll();
      this.watch = watchReadable(this.fd, () => this.drain());
    } catch (error) {
      system.close(this.fd);
      throw error;
    }
  }

  /** Reads the changes that wait, so that the listener knows all that has happened until now. */
  drain(): void {
    for (;;) {
      const read = this.system.receive(this.fd, this.buffer, MSG_DONTWAIT | MSG_TRUNC);
      if (read === -Errno.EAGAIN) break;
      const isWhole =
        read >= 0 &&
        read <= this.buffer.length &&
        readAddressMessages(this.buffer, read, (message) => this.take(message));
      // ENOBUFS: messages were lost.
      if (!isWhole) this.isBehind = true;
      if (read < 0 && read !== -Errno.ENOBUFS) break;
    }
    if (this.isBehind) this.catchUp();
  }

  close(): void {
    this.watch.close();
    this.system.close(this.fd);
  }

  private take(message: AddressMessage): void {
    const key = keyOf(message);
    const known = this.known.get(key);
    if (message.isRemoved) {
      this.known.delete(key);
      if (known !== undefined) this.listener.removed(known);
    } else if (known === undefined) {
      const added = described(message);
      if (added === undefined) return;
      this.known.set(key, added);
      this.listener.added(added);
    }
  }

  private catchUp(): void {
    try {
      this.readAll();
      this.isBehind = false;
    } catch (error) {
      // No descriptor is left, for instance: the next drain tries again.
      if (!(error instanceof SystemError)) throw error;
    }
  }

  /** @throws SystemError */
  private readAll(): void {
    const seen = new Set<string>();
    for (const message of dumpAddresses(this.system)) {
      seen.add(keyOf(message));
      this.take(message);
    }
    for (const [key, address] of this.known) {
      if (seen.has(key)) continue;
      this.known.delete(key);
      this.listener.removed(address);
    }
  }
}

/** Undefined where the interface is gone already. */
function described({ interfaceIndex, address, isPermanent }: AddressMessage): InterfaceAddress | undefined {
  const text = formatAddress(address.length === 4 ? 4 : 6, address, 0);
  try {
    return { interface: ifIndexToName(interfaceIndex), address, text, isPermanent };
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

function keyOf({ interfaceIndex, address }: AddressMessage): string {
  return `${interfaceIndex}/${address.join('.')}`;
}

/** @throws SystemError */
function dumpAddresses(system: Libc): AddressMessage[] {
  const fd = system.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    system.setTimeout(fd, SO_RCVTIMEO, DUMP_TIMEOUT_MS);
    const request = dumpRequest();
    const sent = system.sendTo(fd, request, request.length, 0, netlinkAddress(0, 0));
    if (sent < 0) throw system.error('sendto (rtnetlink)', -sent);
    const buffer = new Uint8Array(new ArrayBuffer(BUFFER_SIZE));
    const found: AddressMessage[] = [];
    for (let errno: number | undefined; ; ) {
      const read = system.receive(fd, buffer, 0);
      if (read < 0) throw system.error('recv (rtnetlink)', -read);
      readAddressMessages(
        buffer,
        read,
        (message) => found.push(message),
        (ended) => {
          errno = ended;
        },
      );
      if (errno === 0) return found;
      if (errno !== undefined) throw system.error('dump of addresses', errno);
    }
  } finally {
    system.close(fd);
  }
}

/** Of all families. */
function dumpRequest(): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(align4(MESSAGE_HEADER + SIZEOF_IFADDRMSG)));
  writeNativeU32(bytes, 0, bytes.length);
  writeNativeU16(bytes, 4, RTM_GETADDR);
  writeNativeU16(bytes, 6, NLM_F_REQUEST | NLM_F_DUMP);
  writeNativeU32(bytes, 8, 1);
  return bytes;
}
