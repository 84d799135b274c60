import { connect, type Socket } from 'node:net';
import type { UnicastLinkConfig } from '../config/config.ts';
import type { Libc } from '../system/libc.ts';
import type { ErrorQueue } from './error-queue.ts';
import type { RefusalReason } from './intake/refusals.ts';
import type { LinkTraffic } from './link.ts';
import { claimsToBeSealed } from './sealed/frame.ts';
import type { ConnectingSeal } from './sealed/stream.ts';
import { prepareConnection } from './sockets.ts';

/** Milliseconds from one attempt to connect to the next, as in the C node. */
const CONNECT_PAUSE_MS = 1_000;
/** Milliseconds until an unanswered attempt is given up, with a key also one whose seal is not answered: long enough for one SYN to be retransmitted. */
const CONNECT_TIMEOUT_MS = 2_500;
const KEEP_ALIVE_DELAY_MS = 10_000;
/** Milliseconds that a closing link gives the kernel to send what it took. */
const CLOSE_GRACE_MS = 250;
/** Datagrams written from the queue before others get their turn. */
const DATAGRAMS_A_TURN = 256;
/** Bytes in the queue from which on a connection counts as congested. */
const CONGESTED_BYTES = 1 << 20;

export interface TcpSenderOptions {
  readonly libc: Libc;
  readonly config: UnicastLinkConfig;
  readonly queue: ErrorQueue;
  /** Whether this link is the one to send what waits. */
  readonly isCurrent: () => boolean;
  /** The queue is drained: {@link TcpSender.congested} is false again. */
  readonly writable: () => void;
  /** The seal of a new connection; undefined: this node has no key. */
  readonly newSeal: () => ConnectingSeal | undefined;
  /** The peer's end of a connection was not what it has to be. */
  readonly refused: (reason: RefusalReason) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly seal: ConnectingSeal | undefined;
  /** Datagrams may be written. */
  connected: boolean;
  /** This node ends it, to open another one. */
  isEnding: boolean;
  /** Written to the socket; Node has not reported yet that the kernel took them. More than one only within one turn. */
  readonly outstanding: Uint8Array[];
}

/**
 * The connecting half of a TCP link: we connect to the peer to send, and connect again, once a second at most, for as
 * long as the link is open. A datagram goes to the kernel at once, or, where its buffer is full or nobody is connected,
 * into the error queue. Node itself never holds more than one.
 *
 * What the kernel has taken is gone if the connection breaks. A datagram of which it has taken only a part is sent
 * again from its beginning on the next connection; the C node leaves the rest of it out, and with it the framing.
 */
export class TcpSender {
  /** `errors`: attempts that failed, connections lost, datagrams that found the buffer full or fell out of the queue. */
  readonly sent: LinkTraffic = { bytes: 0, datagrams: 0, errors: 0 };
  private readonly options: TcpSenderOptions;
  private readonly host: string;
  /** Of several addresses of the interface the kernel may choose another one than the peer expects. */
  private readonly localAddress: string;
  private connection: Connection | undefined;
  private timer: NodeJS.Timeout | undefined;
  private turn: NodeJS.Immediate | undefined;
  private attempted = 0;
  private closed = false;
  private wasCongested = false;

  /** Begins to connect. */
  constructor(options: TcpSenderOptions) {
    this.options = options;
    const { family, address, destination, interface: device } = options.config;
    const scoped = (text: string): string =>
      family === 6 && /^fe[89ab]/i.test(text) ? `${text}%${device}` : text;
    this.host = scoped(destination);
    this.localAddress = scoped(address);
    this.connect();
  }

  get connected(): boolean {
    return this.connection?.connected === true;
  }

  /** True while the connection is up and much waits for it: the owner should send only what it must. */
  get congested(): boolean {
    return this.wasCongested;
  }

  /** See {@link Link.send}. */
  send(bytes: Uint8Array, length: number): void {
    const chunk = bytes.slice(0, length);
    const { queue } = this.options;
    const { connection } = this;
    if (connection?.connected !== true) {
      queue.add(chunk);
      this.sent.errors += queue.shorten();
    } else if (queue.length === 0 && isFree(connection)) {
      this.write(connection, chunk);
    } else {
      this.sent.errors += 1 + queue.add(chunk);
      this.wasCongested ||= queue.bytes >= CONGESTED_BYTES;
      this.sendWaiting();
    }
  }

  /** Sends what waits in the queue, as far as the kernel takes it. */
  sendWaiting(): void {
    const { queue, isCurrent, writable } = this.options;
    const { connection } = this;
    if (this.turn !== undefined || connection?.connected !== true || !isCurrent()) return;
    for (let turn = 0; turn < DATAGRAMS_A_TURN && isFree(connection); turn++) {
      const chunk = queue.shift();
      if (chunk === undefined) break;
      this.write(connection, chunk);
    }
    if (queue.length > 0 && isFree(connection)) {
      this.turn = setImmediate(() => {
        this.turn = undefined;
        this.sendWaiting();
      });
    } else if (queue.length === 0 && this.wasCongested) {
      this.wasCongested = false;
      writable();
    }
  }

  /** Ends the connection if it is not sealed with this key any more, and opens another one; what comes meanwhile waits. */
  useKey(id: number): void {
    const { connection } = this;
    if (connection === undefined || connection.seal?.keyId === id) return;
    connection.isEnding = true;
    connection.connected = false;
    // What the kernel has taken arrives before the end.
    connection.socket.end();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    clearImmediate(this.turn);
    this.turn = undefined;
    const { connection } = this;
    if (connection === undefined) return;
    const { socket } = connection;
    await new Promise<void>((resolve) => {
      const grace = setTimeout(() => socket.destroy(), CLOSE_GRACE_MS);
      socket.once('close', () => {
        clearTimeout(grace);
        resolve();
      });
      // A message of which the kernel has taken a part would leave the peer waiting for its rest.
      if (connection.outstanding.length > 0) socket.end();
      else socket.destroy();
    });
  }

  private connect(): void {
    this.attempted = performance.now();
    const { config, libc, newSeal, refused } = this.options;
    const seal = newSeal();
    const buffer = new Uint8Array(4096);
    const socket = connect({
      host: this.host,
      localAddress: this.localAddress,
      port: config.port,
      family: config.family,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
      // Without a key the peer sends nothing on this connection; anything it does send is read and dropped.
      onread: {
        buffer,
        callback: (length) => {
          receive(buffer.subarray(0, length));
          return true;
        },
      },
    });
    const connection: Connection = { socket, seal, connected: false, isEnding: false, outstanding: [] };
    this.connection = connection;
    const receive = (bytes: Uint8Array): void => {
      if (seal === undefined) {
        if (claimsToBeSealed(bytes, 0, bytes.length)) refused('sealed');
        return;
      }
      if (connection.connected || connection.isEnding) return;
      const reason = seal.receive(bytes);
      if (reason !== undefined) {
        refused(reason);
        socket.destroy();
      } else if (seal.isOpen) {
        clearTimeout(giveUp);
        connection.connected = true;
        socket.write(seal.seal(), (error) => {
          if (!error) this.sendWaiting();
        });
      }
    };
    const giveUp = setTimeout(() => {
      this.sent.errors++;
      socket.destroy();
    }, CONNECT_TIMEOUT_MS);
    socket.on('connect', () => {
      prepareConnection(libc, socket, config);
      if (seal !== undefined) {
        socket.write(seal.opening);
        return;
      }
      clearTimeout(giveUp);
      connection.connected = true;
      this.sendWaiting();
    });
    socket.on('error', () => this.sent.errors++);
    socket.on('end', () => {
      // The peer has closed its end: anything sent now would be lost.
      if (!this.closed && !connection.isEnding) this.sent.errors++;
      socket.destroy();
    });
    socket.on('close', () => {
      clearTimeout(giveUp);
      this.disconnected(connection);
    });
  }

  private disconnected(connection: Connection): void {
    const { queue, writable } = this.options;
    this.connection = undefined;
    clearImmediate(this.turn);
    this.turn = undefined;
    queue.putBack(connection.outstanding);
    if (this.closed) return;
    this.sent.errors += queue.shorten();
    if (this.wasCongested) {
      this.wasCongested = false;
      writable();
    }
    const pause = Math.max(0, this.attempted + CONNECT_PAUSE_MS - performance.now());
    this.timer = setTimeout(() => this.connect(), pause);
  }

  private write(connection: Connection, chunk: Uint8Array): void {
    connection.outstanding.push(chunk);
    connection.socket.write(connection.seal?.seal(chunk) ?? chunk, (error) => {
      // What was not written is put back when the connection is closed.
      if (error) return;
      connection.outstanding.shift();
      this.sent.bytes += chunk.length;
      this.sent.datagrams++;
      if (this.options.queue.length > 0 && isFree(connection)) this.sendWaiting();
    });
  }
}

/** True if the kernel took all that was written and takes more. */
function isFree({ socket }: Connection): boolean {
  return socket.writableLength === 0 && socket.writable;
}
