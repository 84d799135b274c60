import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkConfig } from '../config/config.ts';
import { DEFAULTS } from '../config/defaults.ts';
import { libc as systemCalls } from '../system/libc.ts';
import { DatagramBatch } from '../system/receive-batch.ts';
import { AddressTable, PEER, type SenderId } from './address-table.ts';
import { type LinkContext, openDatagramLink } from './datagram-link.ts';
import { ErrorQueue } from './error-queue.ts';
import { PlainIntake } from './intake/intake.ts';
import { type RefusalReason, Refusals, type Refused } from './intake/refusals.ts';
import { watchInterfaces } from './interfaces.ts';
import {
  type Connected,
  type Link,
  LinkError,
  type LinkSink,
  type LinkTraffic,
  type SealStatistics,
} from './link.ts';
import { impossibleLink, indistinguishable, needsOwnFamily, needsOwnInterface } from './own-addresses.ts';
import { type InterfaceStatus, type LinkFact, Redundancy, statusOf } from './redundant.ts';
import type { KeyFile } from './sealed/key-file.ts';
import { DEFAULT_SENDER_RULES, type SenderRules } from './senders/allowed-senders.ts';
import type { DatagramLinkConfig } from './sockets.ts';
import type { StreamContext } from './tcp-link.ts';

/** Slots filled by one system call; each takes a datagram, or several of one size (UDP_GRO). */
const SLOTS = 32;
/** No UDP datagram is longer. */
const SLOT_SIZE = 65_536;

/** Milliseconds between two attempts to reopen a link. */
const REOPEN_PAUSE = 500;

/** Takes what arrives, and what happens to the links. */
export interface LinksSink extends LinkSink {
  fact(fact: LinkFact): void;
  /** The current link is no longer {@link Links.congested}. */
  writable?(): void;
}

export interface LinksOptions {
  /** Datagrams that wait while a TCP link's connection is down. */
  readonly errorQueueLength?: number;
  /** Whose datagrams and connections are taken. */
  readonly senderRules?: SenderRules;
  /** The keys that datagrams are sealed with; plain where it is left out. */
  readonly keyFile?: KeyFile;
}

/** What waits for TCP links, for all of them together. */
export interface ErrorQueueStatistics {
  /** Datagrams. */
  readonly length: number;
  readonly limit: number;
  /** Datagrams that had to go for newer ones. */
  readonly dropped: number;
}

/** A sender for people. */
export interface SenderDescription {
  /** Of the link that it was heard on. */
  readonly interface: string;
  /** Undefined: one of more senders than are told apart. */
  readonly address: string | undefined;
}

/** A link's figures, in C's words. */
export interface LinkStatistics {
  readonly transport: LinkConfig['transport'];
  readonly interface: string;
  readonly status: InterfaceStatus;
  readonly role: 'ACTIVE' | 'BACKUP';
  readonly sent: Readonly<LinkTraffic>;
  readonly received: Readonly<LinkTraffic>;
  /** By reason; reasons that did not occur are left out. */
  readonly refused: Readonly<Partial<Record<RefusalReason, Refused>>>;
  /** Of links with a key alone. */
  readonly seal?: SealStatistics;
  /** Of TCP links alone. */
  readonly connected?: Connected;
}

/**
 * Opens all dedicated links of a node. What arrives on any of them goes to the sink, beginning after this call; facts may be
 * told before it returns.
 * @throws LinkError if one of them cannot be opened; none is open then
 */
export async function openLinks(
  configs: readonly LinkConfig[],
  sink: LinksSink,
  {
    errorQueueLength = DEFAULTS.errorQueueLength,
    senderRules = DEFAULT_SENDER_RULES,
    keyFile,
  }: LinksOptions = {},
): Promise<Links> {
  const impossible = impossibleLink(configs);
  if (impossible !== undefined) throw new LinkError(impossible.reason, impossible.line);
  const first = Math.max(
    configs.findIndex((config) => config.default),
    0,
  );
  const redundancy = new Redundancy(
    configs.map((config) => config.interface),
    first,
  );
  const libc = systemCalls();
  const warnings = indistinguishable(configs);
  const context: StreamContext = {
    libc,
    batch: new DatagramBatch(libc, SLOTS, SLOT_SIZE),
    senders: new AddressTable(),
    senderRules,
    sink,
    warn: (text) => warnings.push(text),
    needsOwnInterface: (link) => needsOwnInterface(link, configs),
    needsOwnFamily: (link) => needsOwnFamily(link, configs),
    queue: new ErrorQueue(errorQueueLength),
    isCurrent: (link) => link === redundancy.current,
    writable: (link) => {
      if (link === redundancy.current) sink.writable?.();
    },
  };
  const links: Link[] = [];
  try {
    for (const [number, config] of configs.entries())
      links.push(await openLink(config, number, context, keyFile));
    return new Links(configs, links, redundancy, context, warnings, sink, keyFile);
  } catch (error) {
    await Promise.all(links.map((link) => link.close()));
    throw error;
  }
}

/** Opens one link, and loads what only links of its kind need. */
async function openLink(
  config: LinkConfig,
  number: number,
  context: StreamContext,
  keyFile: KeyFile | undefined,
): Promise<Link> {
  const openDatagrams = async (datagrams: DatagramLinkConfig): Promise<Link> => {
    if (keyFile === undefined) return openPlainLink(datagrams, number, context);
    const { openSealedLink } = await import('./sealed/sealed-link.ts');
    return openSealedLink(datagrams, number, context, keyFile);
  };
  switch (config.transport) {
    case 'multicast':
      return openDatagrams(config);
    case 'udp':
      return openDatagrams({ ...config, transport: 'udp' });
    case 'tcp': {
      const { openTcpLink } = await import('./tcp-link.ts');
      return openTcpLink(config, number, context, keyFile);
    }
  }
}

function openPlainLink(config: DatagramLinkConfig, number: number, context: LinkContext): Promise<Link> {
  const refusals = new Refusals();
  const intake = new PlainIntake(number, context.senders, context.sink, refusals);
  return openDatagramLink(config, number, context, intake, refusals);
}

/** The dedicated links of a node, one of which is current: it carries all that is sent. */
export class Links {
  /** What works less well than the configuration asks for, a line each. */
  readonly warnings: readonly string[];
  /** Bytes that a datagram must stay below to be carried by every link. */
  readonly payloadLimit: number;
  private readonly configs: readonly LinkConfig[];
  private readonly links: Link[];
  private readonly redundancy: Redundancy;
  private readonly context: StreamContext;
  private readonly sink: LinksSink;
  private readonly keyFile: KeyFile | undefined;
  private readonly endWatch: () => void;
  /** Links that are being reopened. */
  private readonly reopening = new Set<number>();
  private closed = false;

  constructor(
    configs: readonly LinkConfig[],
    links: Link[],
    redundancy: Redundancy,
    context: StreamContext,
    warnings: readonly string[],
    sink: LinksSink,
    keyFile: KeyFile | undefined,
  ) {
    this.keyFile = keyFile;
    this.configs = configs;
    this.links = links;
    this.redundancy = redundancy;
    this.context = context;
    this.warnings = warnings;
    this.sink = sink;
    this.payloadLimit = Math.min(...links.map((link) => link.payloadLimit));
    const interfaces = [...new Set(links.map((link) => link.interface))];
    this.endWatch = watchInterfaces(context.libc, interfaces, (name, index, flags) => {
      this.report(redundancy.interfaceChanged(name, flags));
      if (statusOf(flags) !== 'DOWN') this.reopenOver(name, index);
    });
  }

  /** Index of the current link. */
  get current(): number {
    return this.redundancy.current;
  }

  /**
   * True while the current link's peer is slower than this node: what is sent now would only wait, and be lost where
   * too much waits. Of TCP links alone.
   */
  get congested(): boolean {
    return this.links[this.redundancy.current]!.congested === true;
  }

  /** Sends `bytes[0, length)` on the current link; see {@link Link.send}. */
  send(bytes: Uint8Array, length: number): void {
    this.links[this.redundancy.current]!.send(bytes, length);
  }

  /** No more is to be sent at present: see {@link Link.flush}. */
  flush(): void {
    this.links[this.redundancy.current]!.flush?.();
  }

  /** Makes this link the current one: the owner found a valid message in a datagram of this link. */
  markCurrent(link: number): void {
    if (link !== this.redundancy.current) this.report(this.redundancy.noteValidMessage(link));
  }

  /** Figures of each link, in the order of the configuration. */
  statistics(): LinkStatistics[] {
    return this.links.map((link, number) => ({
      transport: this.configs[number]!.transport,
      interface: link.interface,
      status: this.redundancy.statusOf(number),
      role: number === this.redundancy.current ? 'ACTIVE' : 'BACKUP',
      sent: { ...link.sent },
      received: { ...link.received },
      refused: link.refusals.summary(),
      ...(link.seal && { seal: link.seal }),
      ...(link.connected && { connected: link.connected }),
    }));
  }

  /** Who sent something on this link; {@link PEER} is known by the destination of the current link. */
  describeSender(link: number, sender: SenderId): SenderDescription {
    const number = sender === PEER ? this.redundancy.current : link;
    const config = this.configs[number]!;
    const address =
      sender === PEER && config.transport !== 'multicast'
        ? config.destination
        : this.context.senders.addressOf(sender);
    return { interface: config.interface, address };
  }

  /** What was refused on this link. */
  refusalsOn(link: number): Refusals {
    return this.links[link]!.refusals;
  }

  /** C's `errorq`. */
  get errorQueue(): ErrorQueueStatistics {
    const { length, limit, dropped } = this.context.queue;
    return { length, limit, dropped };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.endWatch();
    await Promise.all(this.links.map((link) => link.close()));
  }

  /** Reopens the links over this interface if it is not the one that they were opened on. */
  private reopenOver(name: string, index: number): void {
    for (const [number, link] of this.links.entries()) {
      const stale = link.interface === name && link.interfaceIndex !== index;
      if (stale && !this.reopening.has(number)) {
        this.reopening.add(number);
        void this.reopen(number).finally(() => this.reopening.delete(number));
      }
    }
  }

  private async reopen(number: number): Promise<void> {
    // The same warnings were given at the start.
    const context = { ...this.context, warn: () => {} };
    while (!this.closed) {
      const old = this.links[number]!;
      try {
        // Two sockets may be bound to one address, but only one may listen on it. What is sent meanwhile waits.
        if (this.configs[number]!.transport === 'tcp') await old.close();
        const link = await openLink(this.configs[number]!, number, context, this.keyFile);
        if (this.closed) return await link.close();
        Object.assign(link.sent, old.sent);
        Object.assign(link.received, old.received);
        link.refusals.takeOver(old.refusals);
        this.links[number] = link;
        await old.close();
        this.report({
          kind: 'link-reopened',
          link: number,
          interface: link.interface,
          cause: 'interface-down',
        });
        return;
      } catch {
        // The address is added some time after the interface, or the interface is gone again.
        await sleep(REOPEN_PAUSE, undefined, { ref: false });
      }
    }
  }

  private report(fact: LinkFact | undefined): void {
    if (!fact) return;
    this.sink.fact(fact);
    if (fact.kind === 'no-link') return;
    this.links[this.redundancy.current]!.sendWaiting?.();
    if (!this.congested) this.sink.writable?.();
  }
}
