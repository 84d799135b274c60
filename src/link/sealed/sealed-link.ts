import { type LinkContext, openDatagramLink } from '../datagram-link.ts';
import type { Link, LinkTraffic } from '../link.ts';
import type { Strangers } from '../senders/strangers.ts';
import type { DatagramLinkConfig } from '../sockets.ts';
import { Outcome, SealedChannel, TICK_MS } from './channel.ts';
import { claimsToBeSealed, SEALED_OVERHEAD } from './frame.ts';
import type { KeyFile } from './key-file.ts';
import { SealRefusals } from './refusals.ts';

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
  const { sink, senders } = context;
  const refusals = new SealRefusals();
  let inner: Link | undefined;
  const channel = new SealedChannel(keyFile.keys, (bytes, length) => inner?.send(bytes, length));
  inner = await openDatagramLink(config, number, {
    ...context,
    sink: {
      datagram(link, sender, bytes, start, end) {
        const outcome = channel.receive(bytes, start, end);
        if (outcome === Outcome.DATA) {
          sink.datagram(link, sender, channel.opened, 0, channel.openedLength);
        } else if (outcome !== Outcome.HANDSHAKE) {
          refusals.note(outcome, senders.textOf(sender));
          sink.sealRefused?.(link, outcome);
        }
      },
      drained(link) {
        inner?.flush?.();
        sink.drained(link);
      },
      refused: (link) => sink.refused?.(link),
    },
  });
  return new SealedLink(inner, channel, keyFile, refusals);
}

/** A link through a {@link SealedChannel}. */
class SealedLink implements Link {
  readonly interface: string;
  readonly interfaceIndex: number;
  readonly payloadLimit: number;
  readonly sent: LinkTraffic;
  readonly received: LinkTraffic;
  readonly strangers: Strangers;
  readonly sealRefusals: SealRefusals;
  private readonly inner: Link;
  private readonly channel: SealedChannel;
  private readonly timer: NodeJS.Timeout;
  private readonly unsubscribe: () => void;

  constructor(inner: Link, channel: SealedChannel, keyFile: KeyFile, refusals: SealRefusals) {
    this.interface = inner.interface;
    this.interfaceIndex = inner.interfaceIndex;
    this.payloadLimit = inner.payloadLimit - SEALED_OVERHEAD;
    this.sent = inner.sent;
    this.received = inner.received;
    this.strangers = inner.strangers;
    this.sealRefusals = refusals;
    this.inner = inner;
    this.channel = channel;
    this.unsubscribe = keyFile.subscribe((keys) => channel.setKeys(keys));
    this.timer = setInterval(() => this.handleTimeout(), TICK_MS);
    this.timer.unref();
    this.handleTimeout();
  }

  send(bytes: Uint8Array, length: number): void {
    this.channel.send(bytes, length, performance.now());
  }

  flush(): void {
    this.inner.flush?.();
  }

  close(): Promise<void> {
    clearInterval(this.timer);
    this.unsubscribe();
    return this.inner.close();
  }

  private handleTimeout(): void {
    this.channel.handleTimeout(performance.now());
    this.flush();
  }
}

/**
 * Opens a UDP or multicast link without a key, which refuses what a node with a key has sealed.
 * @throws LinkError
 */
export async function openPlainLink(
  config: DatagramLinkConfig,
  number: number,
  context: LinkContext,
): Promise<Link> {
  const { sink, senders } = context;
  const sealRefusals = new SealRefusals();
  const link = await openDatagramLink(config, number, {
    ...context,
    sink: {
      datagram(link, sender, bytes, start, end) {
        if (!claimsToBeSealed(bytes, start, end)) {
          sink.datagram(link, sender, bytes, start, end);
          return;
        }
        sealRefusals.note('sealed', senders.textOf(sender));
        sink.sealRefused?.(link, 'sealed');
      },
      drained: (link) => sink.drained(link),
      refused: (link) => sink.refused?.(link),
    },
  });
  return Object.assign(link, { sealRefusals });
}
