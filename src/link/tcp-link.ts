import { randomBytes } from 'node:crypto';
import type { UnicastLinkConfig } from '../config/config.ts';
import { TCP_OVERHEAD } from '../wire/collector.ts';
import type { ErrorQueue } from './error-queue.ts';
import type { Refusals } from './intake/refusals.ts';
import type { Connected, Link, LinkTraffic, SealStatistics } from './link.ts';
import type { KeyFile } from './sealed/key-file.ts';
import { ConnectingSeal, RECORD_MAX, RECORD_OVERHEAD } from './sealed/stream.ts';
import { socketAddress } from './socket-address.ts';
import { checkSendBuffer, type Device, findDevice } from './sockets.ts';
import { type ListenerContext, TcpReceiver } from './tcp-receiver.ts';
import { TcpSender } from './tcp-sender.ts';

/** What TCP links need besides what all links share. */
export interface StreamContext extends ListenerContext {
  /** One for all links of a node. */
  readonly queue: ErrorQueue;
  /** Whether the link with this index is the current one. */
  readonly isCurrent: (link: number) => boolean;
  /** The link with this index is no longer congested. */
  readonly writable: (link: number) => void;
}

/**
 * Opens a TCP link: listens at once, and connects as soon as the peer can be reached.
 * @param number the link's index, for the sink
 * @param keyFile the keys that both directions are sealed with; undefined: they are plain
 * @throws LinkError
 */
export async function openTcpLink(
  config: UnicastLinkConfig,
  number: number,
  context: StreamContext,
  keyFile: KeyFile | undefined,
): Promise<TcpLink> {
  const { libc, warn } = context;
  const device = findDevice(config);
  checkSendBuffer(libc, config, warn);
  const receiver = await TcpReceiver.open(config, number, device, context, keyFile);
  return new TcpLink(config, number, device, context, receiver, keyFile);
}

/** Two connections with the peer, one for each direction: each node sends on the one that it has opened. */
class TcpLink implements Link {
  readonly interface: string;
  readonly interfaceIndex: number;
  readonly payloadLimit: number;
  readonly sent: LinkTraffic;
  readonly received: LinkTraffic;
  readonly refusals: Refusals;
  private readonly receiver: TcpReceiver;
  private readonly sender: TcpSender;
  private readonly isSealed: boolean;
  private readonly unsubscribe: (() => void) | undefined;

  constructor(
    config: UnicastLinkConfig,
    number: number,
    device: Device,
    context: StreamContext,
    receiver: TcpReceiver,
    keyFile: KeyFile | undefined,
  ) {
    this.interface = config.interface;
    this.interfaceIndex = device.index;
    const plainLimit = device.mtu - TCP_OVERHEAD;
    this.payloadLimit =
      keyFile === undefined ? plainLimit : Math.min(plainLimit - RECORD_OVERHEAD, RECORD_MAX);
    const destination = socketAddress(config.family, config.destination, config.port, device.index);
    this.receiver = receiver;
    this.sender = new TcpSender({
      libc: context.libc,
      config,
      queue: context.queue,
      isCurrent: () => context.isCurrent(number),
      writable: () => context.writable(number),
      newSeal: () => keyFile && new ConnectingSeal(keyFile.keys, randomBytes),
      refused: (reason) => {
        this.refusals.note(reason, destination, 0);
        context.sink.refused?.(number);
      },
    });
    this.unsubscribe = keyFile?.subscribe((keys) => {
      this.sender.useKey(keys[0]!.id);
      receiver.useKeys(keys);
    });
    this.isSealed = keyFile !== undefined;
    this.sent = this.sender.sent;
    this.received = receiver.received;
    this.refusals = receiver.refusals;
  }

  get connected(): Connected {
    return { server: this.receiver.connected, client: this.sender.connected };
  }

  get seal(): SealStatistics | undefined {
    if (!this.isSealed) return undefined;
    const { server, client } = this.connected;
    return { peers: Number(server) + Number(client), undelivered: 0 };
  }

  get congested(): boolean {
    return this.sender.congested;
  }

  send(bytes: Uint8Array, length: number): void {
    this.sender.send(bytes, length);
  }

  sendWaiting(): void {
    this.sender.sendWaiting();
  }

  async close(): Promise<void> {
    this.unsubscribe?.();
    await Promise.all([this.receiver.close(), this.sender.close()]);
  }
}
