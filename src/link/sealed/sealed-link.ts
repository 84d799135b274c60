import type { AddressTable } from '../address-table.ts';
import { type LinkContext, openDatagramLink } from '../datagram-link.ts';
import type { Intake } from '../intake/intake.ts';
import { Refusals } from '../intake/refusals.ts';
import type { Link, LinkSink, LinkTraffic, SealStatistics } from '../link.ts';
import type { DatagramLinkConfig } from '../sockets.ts';
import { Outcome, SealedChannel, TICK_MS } from './channel.ts';
import { SEALED_OVERHEAD } from './frame.ts';
import type { KeyFile } from './key-file.ts';

/**
 * Opens a UDP or multicast link whose datagrams are sealed with the keys of this file.
 * @throws LinkError
 */
export async function openSealedLink(
  config: DatagramLinkConfig,
  number: number,
  context: LinkContext,
  keyFile: KeyFile,
): Promise<Link> {
  const refusals = new Refusals();
  let inner: Link | undefined;
  const channel = new SealedChannel(keyFile.keys, (bytes, length) => inner?.send(bytes, length));
  const reply = (): void => inner?.flush?.();
  const intake = new SealedIntake(number, channel, context.senders, context.sink, refusals, reply);
  inner = await openDatagramLink(config, number, context, intake, refusals);
  return new SealedLink(inner, channel, keyFile);
}

/** Opens what comes. Only whose datagrams are genuine gets a number of his own. */
class SealedIntake implements Intake {
  private readonly link: number;
  private readonly channel: SealedChannel;
  private readonly senders: AddressTable;
  private readonly sink: LinkSink;
  private readonly refusals: Refusals;
  private readonly reply: () => void;

  /** @param reply sends what the channel has transmitted, because nobody else may send anything for long */
  constructor(
    link: number,
    channel: SealedChannel,
    senders: AddressTable,
    sink: LinkSink,
    refusals: Refusals,
    reply: () => void,
  ) {
    this.link = link;
    this.channel = channel;
    this.senders = senders;
    this.sink = sink;
    this.refusals = refusals;
    this.reply = reply;
  }

  take(bytes: Uint8Array, address: number, start: number, end: number, segment: number): void {
    const { channel } = this;
    for (let at = start; at < end; at += segment) {
      const outcome = channel.receive(bytes, at, Math.min(at + segment, end));
      if (outcome === Outcome.DATA) {
        const sender = this.senders.idOf(bytes, address);
        this.sink.datagram(this.link, sender, channel.opened, 0, channel.openedLength);
        continue;
      }
      if (outcome !== Outcome.HANDSHAKE) this.refusals.note(outcome, bytes, address);
      if (outcome === Outcome.HANDSHAKE || outcome === Outcome.UNPROVED) this.reply();
    }
  }
}

/** A link through a {@link SealedChannel}. */
class SealedLink implements Link {
  readonly interface: string;
  readonly interfaceIndex: number;
  readonly payloadLimit: number;
  readonly sent: LinkTraffic;
  readonly received: LinkTraffic;
  readonly refusals: Refusals;
  private readonly inner: Link;
  private readonly channel: SealedChannel;
  private readonly timer: NodeJS.Timeout;
  private readonly unsubscribe: () => void;

  constructor(inner: Link, channel: SealedChannel, keyFile: KeyFile) {
    this.interface = inner.interface;
    this.interfaceIndex = inner.interfaceIndex;
    this.payloadLimit = inner.payloadLimit - SEALED_OVERHEAD;
    this.sent = inner.sent;
    this.received = inner.received;
    this.refusals = inner.refusals;
    this.inner = inner;
    this.channel = channel;
    this.unsubscribe = keyFile.subscribe((keys) => channel.setKeys(keys));
    this.timer = setInterval(() => this.handleTick(), TICK_MS);
    this.timer.unref();
    this.handleTick();
  }

  get seal(): SealStatistics {
    return { peers: this.channel.peers, undelivered: this.channel.undelivered };
  }

  send(bytes: Uint8Array, length: number): void {
    this.channel.send(bytes, length);
  }

  flush(): void {
    this.inner.flush?.();
  }

  close(): Promise<void> {
    clearInterval(this.timer);
    this.unsubscribe();
    return this.inner.close();
  }

  private handleTick(): void {
    this.channel.handleTick();
    this.flush();
  }
}
