/** Links that listen on one address and port. Decisions only; no input or output. */

import type { LinkConfig, UnicastLinkConfig } from '../config/config.ts';

/** Two links whose sockets could get what is sent to the other. Multicast sockets tell groups apart. */
function clash(one: LinkConfig, other: LinkConfig): boolean {
  if (one.transport === 'multicast' || other.transport === 'multicast') return false;
  if (one.transport !== other.transport || one.port !== other.port || one.family !== other.family)
    return false;
  if (one.address === other.address) return true;
  // A datagram goes to the socket whose address is more specific; of listeners, the kernel refuses the second one.
  return one.transport === 'tcp' && (isAny(one) || isAny(other));
}

function isAny({ address }: UnicastLinkConfig): boolean {
  return address === '0.0.0.0' || address === '::';
}

/**
 * Returns whether the link with this index must listen on its interface alone: another link listens on the same address and port, perhaps on
 * every address. The kernel would give all that arrives to the socket that was bound last.
 */
export function needsOwnInterface(link: number, all: readonly LinkConfig[]): boolean {
  return all.some((other, n) => n !== link && clash(all[link]!, other));
}

/**
 * Returns whether the TCP link with this index must leave connections over IPv4 to another link: it listens on `::`, which
 * includes IPv4's addresses (ipv6(7)), and the other one on the same port. With UDP the kernel tells them apart.
 */
export function needsOwnFamily(link: number, all: readonly LinkConfig[]): boolean {
  const config = all[link]!;
  return (
    config.transport === 'tcp' &&
    config.family === 6 &&
    isAny(config) &&
    all.some((other) => other.transport === 'tcp' && other.family === 4 && other.port === config.port)
  );
}

/** Pairs of links that clash on one interface, in the order of the configuration. */
function clashing(all: readonly LinkConfig[]): [LinkConfig, LinkConfig][] {
  return all.flatMap((config, n) =>
    all
      .slice(n + 1)
      .filter((other) => clash(config, other) && config.interface === other.interface)
      .map((other): [LinkConfig, LinkConfig] => [config, other]),
  );
}

/** Warnings about links of datagrams that cannot be told apart, a line each. */
export function indistinguishable(all: readonly LinkConfig[]): string[] {
  return clashing(all)
    .filter(([{ transport }]) => transport !== 'tcp')
    .map(
      ([one, other]) =>
        `links in lines ${one.line} and ${other.line} listen on the same address, port and interface: ` +
        'what arrives counts as arriving on one of them; give them different ports',
    );
}

/** A TCP link that cannot listen because an earlier one does, and why. */
export interface ImpossibleLink {
  readonly reason: string;
  /** The line of the link in the configuration. */
  readonly line: number;
}

/** The first of the TCP links that cannot listen beside another; undefined where all can. */
export function impossibleLink(all: readonly LinkConfig[]): ImpossibleLink | undefined {
  for (const [one, other] of clashing(all)) {
    if (one.transport !== 'tcp' || other.transport !== 'tcp') continue;
    return {
      reason:
        `the TCP links in lines ${one.line} and ${other.line} both listen on port ${one.port} of interface ` +
        `\`${one.interface}', on ${one.address} and on ${other.address}: give them different ports`,
      line: other.line,
    };
  }
  return undefined;
}
