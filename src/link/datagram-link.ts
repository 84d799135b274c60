import { DgramAsPromised, type SocketAsPromised } from 'dgram-as-promised';
import type { Family } from '../flow/address.ts';
import { Errno } from '../system/errno.ts';
import { type Libc, MSG_DONTWAIT, MSG_NOSIGNAL } from '../system/libc.ts';
import { type Watch, watchReadable } from '../system/loop/readable-watch.ts';
import type { DatagramBatch } from '../system/receive-batch.ts';
import { SegmentationBatch } from '../system/segmentation-batch.ts';
import { UDP_OVERHEAD } from '../wire/collector.ts';
import type { AddressTable } from './address-table.ts';
import type { Intake } from './intake/intake.ts';
import type { Refusals } from './intake/refusals.ts';
import type { Link, LinkSink, LinkTraffic } from './link.ts';
import type { AddressList } from './senders/address-list.ts';
import { allowedSenders, type SenderRules } from './senders/allowed-senders.ts';
import {
  canSegment,
  type DatagramLinkConfig,
  destinationOf,
  findDevice,
  openReceiver,
  openSender,
  type Warn,
} from './sockets.ts';

/** What the links of one node share. */
export interface LinkContext {
  readonly libc: Libc;
  /** All links receive into the same memory, one after the other. */
  readonly batch: DatagramBatch;
  readonly senders: AddressTable;
  readonly senderRules: SenderRules;
  readonly sink: LinkSink;
  readonly warn: Warn;
  /** Whether the link with this index must listen on its interface alone. */
  needsOwnInterface(link: number): boolean;
}

/**
 * Datagrams sent in one call at most. More would save little, and the receive buffer of a peer that leaves the kernel's
 * default has room for some 90.
 */
const SEGMENTS_MAX = 16;

const FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;

/** Datagrams that may wait for room in the send buffer; more are dropped and counted as errors. */
const WAITING_MAX = 1024;

/**
 * Opens a UDP or multicast link.
 * @param number the link's index, for the sink
 * @param intake takes what those send who may
 * @param refusals where the intake counts what it refuses; the link adds what comes from others
 * @throws LinkError
 */
export async function openDatagramLink(
  config: DatagramLinkConfig,
  number: number,
  context: LinkContext,
  intake: Intake,
  refusals: Refusals,
): Promise<Link> {
  const { libc, warn } = context;
  const device = findDevice(config);
  const allowed = allowedSenders(config, device.index, context.senderRules);
  const receiver = openReceiver(libc, config, device, warn, context.needsOwnInterface(number));
  let socket: SocketAsPromised | undefined;
  try {
    const sender = openSender(libc, config, device, warn);
    socket = await adopt(libc, sender, config.family);
    const ends = {
      receiver,
      sender,
      destination: destinationOf(config, device),
      allowed,
      owner: ownerOf(socket, config),
    };
    if (config.transport === 'udp') context.senders.addPeer(ends.destination);
    const about = {
      interface: config.interface,
      interfaceIndex: device.index,
      payloadLimit: device.mtu - UDP_OVERHEAD,
      refusals,
    };
    const segmentsMax = canSegment(libc, sender, config) ? SEGMENTS_MAX : 1;
    return new DatagramLink(number, about, context, ends, intake, segmentsMax);
  } catch (error) {
    libc.close(receiver);
    await socket?.close();
    throw error;
  }
}

/** Who owns a link's sending socket. */
interface Owner {
  /** Sends a datagram as soon as the kernel takes it; resolves with its size in bytes. */
  send(datagram: Uint8Array): Promise<number>;
  /** Closes the socket. */
  close(): Promise<void>;
}

/** The sockets of a link. */
interface Ends {
  readonly receiver: number;
  readonly sender: number;
  /** `struct sockaddr_*`. */
  readonly destination: Uint8Array;
  /** Whose datagrams are taken; undefined: everybody's. */
  readonly allowed: AddressList | undefined;
  readonly owner: Owner;
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

function ownerOf(socket: SocketAsPromised, config: DatagramLinkConfig): Owner {
  const host = config.transport === 'multicast' ? config.group : config.destination;
  const to = config.family === 6 ? `${host}%${config.interface}` : host;
  return {
    send: (datagram) => socket.send(datagram, config.port, to),
    close: () => socket.close(),
  };
}

/**
 * Sends and receives many datagrams in one call, which dgram cannot. dgram owns the sending socket, and takes over when the
 * kernel's buffer is full: C's blocking sendto waits there, here the datagrams wait in order.
 */
export class DatagramLink implements Link {
  readonly interface: string;
  readonly interfaceIndex: number;
  readonly payloadLimit: number;
  readonly sent: LinkTraffic = { bytes: 0, datagrams: 0, errors: 0 };
  readonly received: LinkTraffic = { bytes: 0, datagrams: 0, errors: 0 };
  readonly refusals: Refusals;

  private readonly context: LinkContext;
  private readonly number: number;
  private readonly ends: Ends;
  private readonly intake: Intake;
  private readonly watch: Watch;
  private outgoing: SegmentationBatch;
  /** Datagrams that dgram holds because the send buffer is full. */
  private waiting = 0;

  /**
   * @param ends belong to the link from here on
   * @param segmentsMax datagrams sent in one call at most; 1 where the kernel cannot segment
   */
  constructor(
    number: number,
    about: Pick<Link, 'interface' | 'interfaceIndex' | 'payloadLimit' | 'refusals'>,
    context: LinkContext,
    ends: Ends,
    intake: Intake,
    segmentsMax: number,
  ) {
    this.interface = about.interface;
    this.interfaceIndex = about.interfaceIndex;
    this.payloadLimit = about.payloadLimit;
    this.refusals = about.refusals;
    this.context = context;
    this.number = number;
    this.ends = ends;
    this.intake = intake;
    this.outgoing = new SegmentationBatch(context.libc, ends.destination, segmentsMax);
    this.watch = watchReadable(ends.receiver, () => this.receive());
  }

  send(bytes: Uint8Array, length: number): void {
    if (this.outgoing.push(bytes, length)) return;
    this.flush();
    if (!this.outgoing.push(bytes, length)) this.sendAlone(bytes, length);
  }

  flush(): void {
    const { outgoing, sent } = this;
    const datagrams = outgoing.size;
    if (datagrams === 0) return;
    if (this.waiting === 0) {
      const bytes = outgoing.send(this.ends.sender, FLAGS);
      if (bytes >= 0) {
        sent.bytes += bytes;
        sent.datagrams += datagrams;
        return;
      }
      if (bytes !== -Errno.EAGAIN) {
        this.sendEach(outgoing.take());
        return;
      }
    }
    for (const datagram of outgoing.take()) this.sendLater(datagram);
  }

  async close(): Promise<void> {
    this.watch.close();
    this.context.libc.close(this.ends.receiver);
    await this.ends.owner.close();
  }

  /** Sends one by one what could not be sent together: a device may be unable to segment, a route may have a smaller MTU. */
  private sendEach(datagrams: readonly Uint8Array[]): void {
    const { sent, context } = this;
    if (datagrams.length === 1) {
      sent.errors++;
      return;
    }
    const before = sent.datagrams;
    for (const datagram of datagrams) this.sendAlone(datagram, datagram.length);
    if (sent.datagrams > before)
      this.outgoing = new SegmentationBatch(context.libc, this.ends.destination, 1);
  }

  private sendAlone(bytes: Uint8Array, length: number): void {
    const { sent, context, ends } = this;
    const size = context.libc.sendTo(ends.sender, bytes, length, FLAGS, ends.destination);
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
    this.ends.owner
      .send(datagram)
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
    const { intake, refusals } = this;
    const { batch, sink } = this.context;
    const count = batch.receive(this.ends.receiver);
    if (count === -Errno.EAGAIN) return;
    if (count < 0) {
      this.received.errors++;
      return;
    }
    const { allowed } = this.ends;
    const refusedBefore = refusals.total;
    let strangers = 0;
    for (let slot = 0; slot < count; slot++) {
      const address = batch.addressOffset(slot);
      const segment = batch.segment(slot);
      const start = batch.offset(slot);
      const end = start + batch.length(slot);
      const datagrams = end - start <= segment ? 1 : Math.ceil((end - start) / segment);
      if (allowed !== undefined && allowed.find(batch.bytes, address) < 0) {
        refusals.note('sender', batch.bytes, address, datagrams);
        strangers++;
        continue;
      }
      this.received.bytes += end - start;
      this.received.datagrams += datagrams;
      intake.take(batch.bytes, address, start, end, segment);
    }
    if (refusals.total > refusedBefore) sink.refused?.(this.number);
    if (strangers < count) sink.drained(this.number);
  }
}
