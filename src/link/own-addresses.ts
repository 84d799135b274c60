/** Links that listen on one address and port. Decisions only; no input or output. */

import type { LinkConfig } from '../config/config.ts';

/** Two sockets can get each other's datagrams: the same family, port and own address. Multicast sockets tell groups apart. */
function clash(one: LinkConfig, other: LinkConfig): boolean {
  return (
    one.transport !== 'multicast' &&
    other.transport !== 'multicast' &&
    one.family === other.family &&
    one.port === other.port &&
    one.address === other.address
  );
}

/**
 * Returns whether the link with this index must listen on its interface alone: another link listens on the same address and port, perhaps on
 * every address. The kernel would give all that arrives to the socket that was bound last.
 */
export function needsOwnInterface(link: number, all: readonly LinkConfig[]): boolean {
  return all.some((other, n) => n !== link && clash(all[link]!, other));
}

/** Warnings about links that cannot be told apart, a line each. */
export function indistinguishable(all: readonly LinkConfig[]): string[] {
  return all.flatMap((config, n) =>
    all
      .slice(n + 1)
      .filter((other) => clash(config, other) && config.interface === other.interface)
      .map(
        (other) =>
          `links in lines ${config.line} and ${other.line} listen on the same address, port and interface: ` +
          'what arrives counts as arriving on one of them; give them different ports',
      ),
  );
}
