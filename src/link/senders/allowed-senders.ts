import type { LinkConfig } from '../../config/config.ts';
import type { Family } from '../../flow/address.ts';
import { parseAddress } from '../../flow/parse-address.ts';
import { LinkError } from '../link.ts';
import { socketAddress } from '../socket-address.ts';
import { AddressList } from './address-list.ts';

/** Whose datagrams and connections are taken, as the settings say. */
export interface SenderRules {
  /** Addresses as text: besides its destination on a UDP or TCP link, alone on a multicast link. */
  readonly senders: readonly string[];
  /** Everybody's, as in the C node. */
  readonly acceptAny: boolean;
}

/** What holds without settings: a UDP or TCP link takes what its destination sends, a multicast link what anybody sends. */
export const DEFAULT_SENDER_RULES: SenderRules = { senders: [], acceptAny: false };

/**
 * Who may send on this link; undefined: everybody.
 * @param interfaceIndex of the link's interface, which link-local addresses belong to
 * @throws LinkError if it would be nobody
 */
export function allowedSenders(
  config: LinkConfig,
  interfaceIndex: number,
  { senders, acceptAny }: SenderRules,
): AddressList | undefined {
  if (acceptAny || (config.transport === 'multicast' && senders.length === 0)) return undefined;
  const familyOf = (text: string): Family => (parseAddress(text).length === 4 ? 4 : 6);
  // A UDP or TCP link over IPv6 that listens on every address is reached over IPv4 too.
  const texts = config.transport === 'multicast' ? senders : [config.destination, ...senders];
  if (!texts.some((text) => familyOf(text) === config.family)) {
    throw new LinkError(
      `none of the senders in [links] of the settings file is an IPv${config.family} address: add the peer's to it`,
      config.line,
    );
  }
  const list = new AddressList(texts.length);
  for (const text of texts) list.add(socketAddress(familyOf(text), text, config.port, interfaceIndex), 0);
  return list;
}
