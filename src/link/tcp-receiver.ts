import { createServer, type Server, type Socket } from 'node:net';
import type { UnicastLinkConfig } from '../config/config.ts';
import { PEER, type SenderId } from './address-table.ts';
import type { LinkContext } from './datagram-link.ts';
import { type ConnectionIntake, connectionIntake } from './intake/connection-intake.ts';
import { type RefusalReason, Refusals } from './intake/refusals.ts';
import type { LinkTraffic } from './link.ts';
import type { LinkKey } from './sealed/key.ts';
import type { KeyFile } from './sealed/key-file.ts';
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

/** Connections at a time whose other ends have not proved yet that they have the key; the oldest makes way for another. */
const UNPROVED_MAX = 8;
/** Milliseconds that the proof may take. */
const PROOF_MS = 2_500;

interface Connection {
  readonly socket: Socket;
  /** `struct sockaddr_in` or `sockaddr_in6`. */
  readonly address: Uint8Array;
  readonly intake: ConnectionIntake;
  /** Of one that was adopted. */
  sender: SenderId;
}

/**
 * The listening half of a TCP link: the peer connects to us to send. There is one connection at a time. A newer one
 * replaces the older one, as in the C node: the peer has restarted. Connections of others than the allowed senders are
 * refused. Where more than the configured destination is allowed, a connection from elsewhere never replaces one from there.
 * With a key a connection counts from when its other end has proved that it has the key.
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
  private readonly keyFile: KeyFile | undefined;
  private readonly unproved = new Set<Connection>();
  private connection: Connection | undefined;

  /**
   * @param keyFile the keys that connections must be sealed with; undefined: they are plain
   * @throws LinkError
   */
  static async open(
    config: UnicastLinkConfig,
    number: number,
    device: Device,
    context: ListenerContext,
    keyFile: KeyFile | undefined,
  ): Promise<TcpReceiver> {
    const { libc, warn, senders } = context;
    senders.addPeer(socketAddress(config.family, config.destination, config.port, device.index));
    const fd = openListener(libc, config, device, warn, {
      onlyItsInterface: context.needsOwnInterface(number),
      onlyItsFamily: context.needsOwnFamily(number),
    });
    const server = createServer({ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS });
    const receiver = new TcpReceiver(config, number, device, context, server, keyFile);
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
    keyFile: KeyFile | undefined,
  ) {
    this.keyFile = keyFile;
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
    for (const { socket } of this.unproved) socket.destroy();
    return closed;
  }

  /** Ends connections whose key is not among these. */
  useKeys(keys: readonly LinkKey[]): void {
    for (const { socket, intake } of [...this.unproved, ...(this.connection ? [this.connection] : [])]) {
      if (!keys.some(({ id }) => id === intake.keyId)) socket.destroy();
    }
  }

  private accept(socket: Socket): void {
    const address = this.addressOf(socket);
    if (address === undefined) {
      // It has gone again already.
      this.received.errors++;
      socket.destroy();
      return;
    }
    if (this.allowed !== undefined && this.allowed.find(address, 0) < 0) {
      this.refuse('sender', address);
      socket.destroy();
      return;
    }
    const { sink } = this.context;
    const intake = connectionIntake(this.keyFile, {
      proved: () => this.adopt(connection),
      datagram: (bytes, start, end) => {
        if (this.connection === connection) sink.datagram(this.number, connection.sender, bytes, start, end);
      },
    });
    const connection: Connection = { socket, address, intake, sender: PEER };
    socket.on('error', () => this.received.errors++);
    socket.on('close', () => {
      this.unproved.delete(connection);
      if (this.connection === connection) this.connection = undefined;
    });
    if (intake.opening === undefined) {
      this.adopt(connection);
    } else {
      socket.write(intake.opening);
      this.awaitProof(connection);
    }
    socket.on('data', (bytes) => this.take(connection, bytes));
  }

  private awaitProof(connection: Connection): void {
    const { unproved } = this;
    if (unproved.size === UNPROVED_MAX) unproved.values().next().value!.socket.destroy();
    unproved.add(connection);
    const giveUp = setTimeout(() => {
      if (unproved.has(connection)) connection.socket.destroy();
    }, PROOF_MS);
    connection.socket.on('close', () => clearTimeout(giveUp));
  }

  /** Makes a connection the one that is heard, unless it comes from elsewhere and the configured destination has one. */
  private adopt(connection: Connection): void {
    this.unproved.delete(connection);
    connection.sender = this.context.senders.idOf(connection.address, 0);
    if (connection.sender !== PEER && this.connection?.sender === PEER) {
      this.received.errors++;
      connection.socket.destroy();
      return;
    }
    this.connection?.socket.destroy();
    this.connection = connection;
  }

  private take(connection: Connection, bytes: Uint8Array): void {
    // What was read before it was replaced.
    if (this.connection !== connection && !this.unproved.has(connection)) return;
    this.received.bytes += bytes.length;
    this.received.datagrams++;
    const failure = connection.intake.take(bytes);
    if (failure !== undefined) {
      if (failure === 'lost') this.received.errors++;
      else this.refuse(failure, connection.address);
      // The peer sees a reset at once, and keeps the message that it could not send.
      connection.socket.resetAndDestroy();
    }
    this.context.sink.drained(this.number);
  }

  private refuse(reason: RefusalReason, address: Uint8Array): void {
    this.refusals.note(reason, address, 0);
    this.context.sink.refused?.(this.number);
  }

  private addressOf({ remoteAddress, remoteFamily }: Socket): Uint8Array | undefined {
    if (remoteAddress === undefined) return undefined;
    const [address] = remoteAddress.split('%');
    const family = remoteFamily === 'IPv6' ? 6 : 4;
    return socketAddress(family, address!, this.config.port, this.device.index);
  }
}
