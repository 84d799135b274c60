import { createServer, type Server, type Socket } from 'node:net';
import type { UnicastLinkConfig } from '../config/config.ts';
import { PEER, type SenderId } from './address-table.ts';
import type { LinkContext } from './datagram-link.ts';
import { Refusals } from './intake/refusals.ts';
import type { LinkTraffic } from './link.ts';
import { MessageStream } from './message-stream.ts';
import type { AddressList } from './senders/address-list.ts';
import { allowedSenders } from './senders/allowed-senders.ts';
import { socketAddress } from './socket-address.ts';
import { type Device, failure, openListener } from './sockets.ts';

/** Milliseconds of silence until a connection is probed, so that one whose peer is gone does not stay. */
const KEEP_ALIVE_DELAY_MS = 10_000;

/** What the receiving halves of one node's links share. */
export interface ListenerContext extends LinkContext {
  /** Whether the link with this index must leave connections over IPv4 to another. */
  needsOwnFamily(link: number): boolean;
}

interface Connection {
  readonly socket: Socket;
  readonly sender: SenderId;
}

/**
 * The listening half of a TCP link: the peer connects to us to send. There is one connection at a time. A newer one
 * replaces the older one, as in the C node: the peer has restarted. Connections of others than the allowed senders are
 * refused. Where more than the configured destination is allowed, a connection from elsewhere never replaces one from there.
 */
export class TcpReceiver {
  /** `datagrams` are reads, as in the C node. */
  readonly received: LinkTraffic = { bytes: 0, datagrams: 0, errors: 0 };
  readonly refusals = new Refusals();
  private readonly config: UnicastLinkConfig;
  private readonly number: number;
  private readonly device: Device;
  private readonly context: ListenerContext;
  private readonly server: Server;
  private readonly allowed: AddressList | undefined;
  private connection: Connection | undefined;

  /** @throws LinkError */
  static async open(
    config: UnicastLinkConfig,
    number: number,
    device: Device,
    context: ListenerContext,
  ): Promise<TcpReceiver> {
    const { libc, warn, senders } = context;
    senders.addPeer(socketAddress(config.family, config.destination, config.port, device.index));
    const fd = openListener(libc, config, device, warn, {
      onlyItsInterface: context.needsOwnInterface(number),
      onlyItsFamily: context.needsOwnFamily(number),
    });
    const server = createServer({ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS });
    const receiver = new TcpReceiver(config, number, device, context, server);
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: Error) => reject(failure(error, config));
      server.once('error', refuse);
      // Node owns the descriptor from here on, also if this fails.
      server.listen({ fd }, () => {
        server.off('error', refuse);
        resolve();
      });
    });
    // For instance no descriptor is left for a connection; the next one may find one.
    server.on('error', () => receiver.received.errors++);
    server.on('connection', (socket) => receiver.accept(socket));
    return receiver;
  }

  private constructor(
    config: UnicastLinkConfig,
    number: number,
    device: Device,
    context: ListenerContext,
    server: Server,
  ) {
    this.config = config;
    this.number = number;
    this.device = device;
    this.context = context;
    this.server = server;
    this.allowed = allowedSenders(config, device.index, context.senderRules);
  }

  get connected(): boolean {
    return this.connection !== undefined;
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.connection?.socket.destroy();
    return closed;
  }

  private accept(socket: Socket): void {
    const address = this.addressOf(socket);
    if (address !== undefined && this.allowed !== undefined && this.allowed.find(address, 0) < 0) {
      this.refusals.note('sender', address, 0);
      this.context.sink.refused?.(this.number);
      socket.destroy();
      return;
    }
    const sender = address && this.context.senders.idOf(address, 0);
    // An undefined one has gone again already.
    if (sender === undefined || (sender !== PEER && this.connection?.sender === PEER)) {
      this.received.errors++;
      socket.destroy();
      return;
    }
    this.connection?.socket.destroy();
    const connection = { socket, sender };
    this.connection = connection;

    const { sink } = this.context;
    const stream = new MessageStream((bytes, start, end) =>
      sink.datagram(this.number, sender, bytes, start, end),
    );
    socket.on('data', (bytes) => {
      // What was read before it was replaced.
      if (this.connection !== connection) return;
      this.received.bytes += bytes.length;
      this.received.datagrams++;
      if (!stream.take(bytes)) {
        this.received.errors++;
        // The peer sees a reset at once, and keeps the message that it could not send.
        socket.resetAndDestroy();
      }
      sink.drained(this.number);
    });
    socket.on('error', () => this.received.errors++);
    socket.on('close', () => {
      if (this.connection === connection) this.connection = undefined;
    });
  }

  private addressOf({ remoteAddress, remoteFamily }: Socket): Uint8Array | undefined {
    if (remoteAddress === undefined) return undefined;
    const [address] = remoteAddress.split('%');
    const family = remoteFamily === 'IPv6' ? 6 : 4;
    return socketAddress(family, address!, this.config.port, this.device.index);
  }
}
