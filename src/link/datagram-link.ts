import { DgramAsPromised, type SocketAsPromised } from 'dgram-as-promised';
import type { Family } from '../flow/address.ts';
import { Errno } from '../kernel/errno.ts';
import { type Libc, MSG_DONTWAIT, MSG_NOSIGNAL, type Watch } from '../kernel/libc.ts';
import type { DatagramRing } from '../kernel/rings.ts';
import { SendTrain } from '../kernel/train.ts';
import { UDP_OVERHEAD } from '../wire/collector.ts';
import type { Link, LinkSink, Traffic } from './link.ts';
import type { Senders } from './senders.ts';
import {
  canSegment,
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
  /** All links receive through one ring, one after the other. */
  readonly ring: DatagramRing;
  readonly senders: Senders;
  readonly sink: LinkSink;
  readonly warn: Warn;
}

/**
 * Datagrams sent in one call at most. More would save little, and the receive buffer of a peer that leaves the kernel's
 * default has room for some 90.
 */
const TRAIN = 16;

const FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;

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
 * Sends and receives many datagrams in one call, which dgram cannot. dgram owns the sending socket, and takes over when the
 * kernel's buffer is full: C's blocking sendto waits there, we let the datagrams wait in order.
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
  private train: SendTrain;
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
    const limit = canSegment(surroundings.libc, sender, config) ? TRAIN : 1;
    this.train = new SendTrain(surroundings.libc, this.destination, limit);
    const host = config.transport === 'multicast' ? config.group : config.destination;
    this.host = config.family === 6 ? `${host}%${config.interface}` : host;
    this.port = config.port;
    if (config.transport === 'udp') surroundings.senders.addPeer(this.destination);
    this.watch = surroundings.libc.watchReadable(receiver, () => this.receive());
  }

  send(bytes: Uint8Array, length: number): void {
    if (this.train.push(bytes, length)) return;
    this.flush();
    if (!this.train.push(bytes, length)) this.sendAlone(bytes, length);
  }

  flush(): void {
    const { train, sent } = this;
    const datagrams = train.size;
    if (datagrams === 0) return;
    if (this.waiting === 0) {
      const bytes = train.send(this.sender, FLAGS);
      if (bytes >= 0) {
        sent.bytes += bytes;
        sent.datagrams += datagrams;
        return;
      }
      if (bytes !== -Errno.EAGAIN) {
        this.sendEach(train.take());
        return;
      }
    }
    for (const datagram of train.take()) this.sendLater(datagram);
  }

  async close(): Promise<void> {
    this.watch.close();
    this.surroundings.libc.close(this.receiver);
    await this.socket.close();
  }

  /** What could not be sent together may go alone: a device may be unable to cut, a route may have a smaller MTU. */
  private sendEach(datagrams: readonly Uint8Array[]): void {
    const { sent, surroundings } = this;
    if (datagrams.length === 1) {
      sent.errors++;
      return;
    }
    const before = sent.datagrams;
    for (const datagram of datagrams) this.sendAlone(datagram, datagram.length);
    if (sent.datagrams > before) this.train = new SendTrain(surroundings.libc, this.destination, 1);
  }

  private sendAlone(bytes: Uint8Array, length: number): void {
    const { sent, surroundings } = this;
    const size = surroundings.libc.sendTo(this.sender, bytes, length, FLAGS, this.destination);
    if (size >= 0) {
      sent.bytes += size;
      sent.datagrams++;
    } else if (size === -Errno.EAGAIN) {
      this.sendLater(bytes.slice(0, length));
    } else {
      sent.errors++;
    }
  }

  /** Keeps the order: while one waits, all that follow wait behind it. */
  private sendLater(datagram: Uint8Array): void {
    if (this.waiting >= WAITING_MAX) {
      this.sent.errors++;
      return;
    }
    this.waiting++;
    this.socket
      .send(datagram, this.port, this.host)
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
      const sender = senders.idOf(ring.bytes, ring.addressOffset(slot));
      const segment = ring.segment(slot);
      let start = ring.offset(slot);
      const end = start + ring.length(slot);
      this.received.bytes += end - start;
      if (start === end) this.received.datagrams++;
      for (; start < end; start += segment) {
        this.received.datagrams++;
        sink.datagram(this.number, sender, ring.bytes, start, Math.min(start + segment, end));
      }
    }
    sink.drained(this.number);
  }
}
