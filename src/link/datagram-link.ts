import { DgramAsPromised, type SocketAsPromised } from 'dgram-as-promised';
import type { Family } from '../flow/address.ts';
import { Errno } from '../kernel/errno.ts';
import { type Libc, MSG_DONTWAIT, MSG_NOSIGNAL, type Watch } from '../kernel/libc.ts';
import type { ReceiveRing } from '../kernel/rings.ts';
import { UDP_OVERHEAD } from '../wire/collector.ts';
import type { Link, LinkSink, Traffic } from './link.ts';
import type { Senders } from './senders.ts';
import {
  type DatagramLinkConfig,
  type Device,
  destinationOf,
  findDevice,
  openReceiver,
  openSender,
  type Warn,
} from './sockets.ts';

/** What the links of one node share. */
export interface Surroundings {
  readonly libc: Libc;
  /** All links receive through one ring, one after the other. It must keep addresses. */
  readonly ring: ReceiveRing;
  readonly senders: Senders;
  readonly sink: LinkSink;
  readonly warn: Warn;
}

/** Datagrams that may wait for a full send buffer; what comes beyond is an error. */
export const WAITING_MAX = 1024;

/**
 * Opens a UDP or multicast link.
 * @param number the link's index, for the sink
 * @throws LinkError
 */
export async function openDatagramLink(
  config: DatagramLinkConfig,
  number: number,
  surroundings: Surroundings,
): Promise<Link> {
  const { libc, warn } = surroundings;
  const device = findDevice(libc, config);
  const receiver = openReceiver(libc, config, device, warn);
  let socket: SocketAsPromised | undefined;
  try {
    const sender = openSender(libc, config, device, warn);
    socket = await adopt(libc, sender, config.family);
    return new DatagramLink(config, number, device, surroundings, receiver, sender, socket);
  } catch (error) {
    libc.close(receiver);
    await socket?.close();
    throw error;
  }
}

/** Makes dgram the owner of a descriptor. */
async function adopt(libc: Libc, fd: number, family: Family): Promise<SocketAsPromised> {
  try {
    const socket = DgramAsPromised.createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      // Addresses need no resolver.
      lookup: (host, _options, callback) => callback(null, host, family),
    });
    await socket.bind({ fd });
    return socket;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/**
 * Sends with one sendto for each datagram and receives with one recvmmsg for many: dgram's send costs nearly twice,
 * its receive more than six times as much. dgram owns the sending socket, and takes over when the kernel's
 * buffer is full: C's blocking sendto waits there, we let the datagrams wait in order.
 */
class DatagramLink implements Link {
  readonly interface: string;
  readonly interfaceIndex: number;
  readonly payloadLimit: number;
  readonly sent: Traffic = { bytes: 0, datagrams: 0, errors: 0 };
  readonly received: Traffic = { bytes: 0, datagrams: 0, errors: 0 };

  private readonly surroundings: Surroundings;
  private readonly number: number;
  private readonly receiver: number;
  private readonly watch: Watch;
  private readonly sender: number;
  private readonly socket: SocketAsPromised;
  private readonly destination: Uint8Array;
  private readonly host: string;
  private readonly port: number;
  private waiting = 0;

  constructor(
    config: DatagramLinkConfig,
    number: number,
    device: Device,
    surroundings: Surroundings,
    receiver: number,
    sender: number,
    socket: SocketAsPromised,
  ) {
    this.interface = config.interface;
    this.interfaceIndex = device.index;
    this.payloadLimit = device.mtu - UDP_OVERHEAD;
    this.surroundings = surroundings;
    this.number = number;
    this.receiver = receiver;
    this.sender = sender;
    this.socket = socket;
    this.destination = destinationOf(config, device);
    const host = config.transport === 'multicast' ? config.group : config.destination;
    this.host = config.family === 6 ? `${host}%${config.interface}` : host;
    this.port = config.port;
    if (config.transport === 'udp') surroundings.senders.addPeer(this.destination);
    this.watch = surroundings.libc.watchReadable(receiver, () => this.receive());
  }

  send(bytes: Uint8Array, length: number): void {
    if (this.waiting > 0) {
      this.sendLater(bytes, length);
      return;
    }
    const { libc } = this.surroundings;
    const sent = libc.sendTo(this.sender, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, this.destination);
    if (sent >= 0) {
      this.sent.bytes += sent;
      this.sent.datagrams++;
    } else if (sent === -Errno.EAGAIN) {
      this.sendLater(bytes, length);
    } else {
      this.sent.errors++;
    }
  }

  async close(): Promise<void> {
    this.watch.close();
    this.surroundings.libc.close(this.receiver);
    await this.socket.close();
  }

  /** Keeps the order: while one waits, all that follow wait behind it. */
  private sendLater(bytes: Uint8Array, length: number): void {
    if (this.waiting >= WAITING_MAX) {
      this.sent.errors++;
      return;
    }
    this.waiting++;
    this.socket
      .send(bytes.slice(0, length), this.port, this.host)
      .then(
        (sent) => {
          this.sent.bytes += sent;
          this.sent.datagrams++;
        },
        () => {
          this.sent.errors++;
        },
      )
      .then(() => {
        this.waiting--;
      });
  }

  private receive(): void {
    const { ring, senders, sink } = this.surroundings;
    const count = ring.receive(this.receiver);
    if (count === -Errno.EAGAIN) return;
    if (count < 0) {
      this.received.errors++;
      return;
    }
    for (let slot = 0; slot < count; slot++) {
      const length = ring.length(slot);
      this.received.bytes += length;
      this.received.datagrams++;
      const sender = senders.idOf(ring.bytes, ring.addressOffset(slot));
      const start = ring.offset(slot);
      if (length > 0) sink.datagram(this.number, sender, ring.bytes, start, start + length);
    }
    sink.drained(this.number);
  }
}
