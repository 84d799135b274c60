/** Which of several dedicated links carries what this node sends. Decisions only; no input or output. */

import { IFF_RUNNING, IFF_UP } from '../system/interfaces.ts';

/** State of an interface as C's statistics name it: carrier present, carrier missing, administratively down. */
export type InterfaceStatus = 'RUNNING' | 'NO-CARRIER' | 'DOWN';

/** The status that these `IFF_*` flags mean. */
export function statusOf(flags: number): InterfaceStatus {
  if ((flags & IFF_UP) === 0) return 'DOWN';
  return (flags & IFF_RUNNING) === 0 ? 'NO-CARRIER' : 'RUNNING';
}

/** Something for the log. */
export type LinkFact =
  /** Another link became the current one: the old one's interface failed, or the peer sent on this one. */
  | {
      readonly kind: 'link-changed';
      readonly link: number;
      readonly interface: string;
      readonly cause: 'interface-down' | 'peer-heard';
    }
  /** The current link's interface is down, and no other is up and running. */
  | { readonly kind: 'no-link' }
  /** The link's interface was removed and created again, and the link was reopened. */
  | {
      readonly kind: 'link-reopened';
      readonly link: number;
      readonly interface: string;
      readonly cause: 'interface-down';
    };

/**
 * The fact in C's words, where C has words for it: C logs nothing when a link becomes current because the peer sends
 * on it, and keeps dead sockets when an interface was created again.
 */
export function describeFact(fact: LinkFact): string {
  switch (fact.kind) {
    case 'no-link':
      return 'no dedicated links available!';
    case 'link-changed':
      return `device \`${fact.interface}' becomes dedicated link`;
    case 'link-reopened':
      return `device \`${fact.interface}' was created again, dedicated link reopened`;
  }
}

/** C's MULTICHANNEL_MAX. */
export const LINKS_MAX = 4;

export class Redundancy {
  private readonly interfaces: readonly string[];
  private readonly statuses: InterfaceStatus[];
  private chosen: number;
  /** No link is up, and that was reported: it is reported once, not with each message of the kernel. */
  private hasNoLink = false;

  /**
   * @param interfaces the links' interfaces, in the order of the configuration; at least one
   * @param first index of the link that is current at the start
   */
  constructor(interfaces: readonly string[], first: number) {
    if (interfaces.length < 1 || interfaces.length > LINKS_MAX) {
      throw new RangeError(`1 to ${LINKS_MAX} dedicated links are possible, not ${interfaces.length}`);
    }
    if (!(first in interfaces)) throw new RangeError(`no link has the index ${first}`);
    this.interfaces = interfaces;
    this.statuses = interfaces.map(() => 'RUNNING');
    this.chosen = first;
  }

  /** Index of the link to send on. */
  get current(): number {
    return this.chosen;
  }

  statusOf(link: number): InterfaceStatus {
    return this.statuses[link]!;
  }

  /** A valid message came in on this link, so its sender can be reached there. */
  noteValidMessage(link: number): LinkFact | undefined {
    if (link === this.chosen) return undefined;
    // Datagrams that were in the socket's buffer when the interface failed are no reason to switch back.
    if (this.statuses[link] !== 'RUNNING' && this.statuses[this.chosen] === 'RUNNING') return undefined;
    return this.choose(link, 'peer-heard');
  }

  /**
   * The kernel reports the flags (`IFF_*`) of an interface; 0 for one that is gone. If that leaves the current link
   * without a running interface, the first one in order whose interface runs takes over.
   */
  interfaceChanged(name: string, flags: number): LinkFact | undefined {
    for (const [link, its] of this.interfaces.entries()) {
      if (its === name) this.statuses[link] = statusOf(flags);
    }
    if (this.statuses[this.chosen] === 'RUNNING') {
      this.hasNoLink = false;
      return undefined;
    }
    const next = this.statuses.indexOf('RUNNING');
    if (next >= 0) return this.choose(next, 'interface-down');
    if (this.hasNoLink) return undefined;
    this.hasNoLink = true;
    return { kind: 'no-link' };
  }

  private choose(link: number, cause: 'interface-down' | 'peer-heard'): LinkFact {
    this.chosen = link;
    this.hasNoLink = false;
    return { kind: 'link-changed', link, interface: this.interfaces[link]!, cause };
  }
}
