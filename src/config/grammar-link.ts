import { type Family, formatAddress } from '../flow/address.ts';
import { isMulticast, readAddress } from './addresses.ts';
import type { ClauseValues } from './clause-values.ts';
import type { LinkConfig } from './config.ts';
import type { Clause, Cursor } from './cursor.ts';
import { LIMITS } from './defaults.ts';
import { type ConfigError, quote, unexpected } from './error.ts';
import type { Token } from './tokens.ts';

const KEYWORDS = { multicast: 'Multicast', udp: 'UDP', tcp: 'TCP' } as const;

/** What a link's address is for; a later address of the same use replaces it. */
type AddressUse = 'group' | 'own' | 'destination';

interface LinkValues {
  readonly keyword: Token;
  readonly addresses: Map<AddressUse, { readonly family: Family; readonly text: string }>;
  /** An invalid address: its place, and C's message about it. */
  readonly rejected: Map<AddressUse, { readonly token: Token; readonly reason: string }>;
  family: Family | undefined;
  interface: string | undefined;
  port: number | undefined;
  sendBuffer: number;
  receiveBuffer: number;
  checksum: boolean;
}

/** `Multicast|UDP|TCP [Default] { ... }`. */
export function readLink(
  cursor: Cursor,
  values: ClauseValues,
  transport: LinkConfig['transport'],
  keyword: Token,
): void {
  if (values.links.length >= LIMITS.links) {
    throw cursor.refuse(
      keyword,
      `too many dedicated links in the configuration file (Maximum: ${LIMITS.links})`,
    );
  }
  const first = values.links[0];
  if (first !== undefined && first.transport !== transport) {
    throw cursor.refuse(keyword, `cannot use \`${KEYWORDS[transport]}' with other dedicated link protocols!`);
  }
  if (cursor.skip('Default')) values.defaultLink = values.links.length;
  const link: LinkValues = {
    keyword,
    addresses: new Map(),
    rejected: new Map(),
    family: undefined,
    interface: undefined,
    port: undefined,
    sendBuffer: 0,
    receiveBuffer: 0,
    checksum: true,
  };
  const clauses = transport === 'multicast' ? multicastClauses : unicastClauses;
  cursor.block(
    new Map<string, Clause>([
      ...clauses(cursor, link),
      ...commonClauses(cursor, link),
      ...(transport === 'tcp' ? tcpClauses(cursor, values) : []),
    ]),
  );
  values.links.push(
    transport === 'multicast' ? finishMulticast(cursor, link) : finishUnicast(cursor, link, transport),
  );
}

type Clauses = [string, Clause][];

function multicastClauses(cursor: Cursor, link: LinkValues): Clauses {
  return [
    ['IPv4_address', () => readGroup(cursor, link, 4)],
    ['IPv6_address', () => readGroup(cursor, link, 6)],
    ['IPv4_interface', () => readLinkAddress(cursor, link, 4, 'own')],
    [
      'IPv6_interface',
      (word) => {
        cursor.take('address');
        cursor.warn(word, "`IPv6_interface' not required, ignoring");
      },
    ],
    ['Group', (word) => readPort(cursor, link, word)],
  ];
}

function unicastClauses(cursor: Cursor, link: LinkValues): Clauses {
  return [
    ['IPv4_address', () => readLinkAddress(cursor, link, 4, 'own')],
    ['IPv6_address', () => readLinkAddress(cursor, link, 6, 'own')],
    ['IPv4_Destination_Address', () => readLinkAddress(cursor, link, 4, 'destination')],
    ['IPv6_Destination_Address', () => readLinkAddress(cursor, link, 6, 'destination')],
    ['Port', (word) => readPort(cursor, link, word)],
  ];
}

function commonClauses(cursor: Cursor, link: LinkValues): Clauses {
  return [
    ['Interface', () => readInterface(cursor, link)],
    [
      'SndSocketBuffer',
      (word) => {
        link.sendBuffer = cursor.number(word);
      },
    ],
    [
      'RcvSocketBuffer',
      (word) => {
        link.receiveBuffer = cursor.number(word);
      },
    ],
    [
      'Checksum',
      () => {
        link.checksum = cursor.onOff();
      },
    ],
  ];
}

function tcpClauses(cursor: Cursor, values: ClauseValues): Clauses {
  return [
    [
      'ErrorQueueLength',
      (word) => {
        values.errorQueueLength = cursor.number(word);
      },
    ],
  ];
}

function readInterface(cursor: Cursor, link: LinkValues): void {
  const token = cursor.take('name');
  if (token.text.length > LIMITS.interfaceNameLength) {
    throw cursor.refuse(
      token,
      `an interface's name has at most ${LIMITS.interfaceNameLength} characters, ${quote(token.text)} has ${token.text.length}`,
    );
  }
  link.interface = token.text;
}

function readPort(cursor: Cursor, link: LinkValues, keyword: Token): void {
  const token = cursor.take('number');
  const port = cursor.valueOf(keyword, token, 0xffff);
  if (port === 0) throw cursor.refuse(token, `${quote(keyword.text)} must be [1, 65535]`);
  link.port = port;
}

function readGroup(cursor: Cursor, link: LinkValues, family: Family): void {
  const token = cursor.peek();
  const bytes = readLinkAddress(cursor, link, family, 'group');
  if (bytes !== undefined && !isMulticast(bytes)) {
    throw cursor.refuse(token, `${quote(token.text)} is not a multicast address`);
  }
}

/** An address that is none is warned about and left out, as in C. */
function readLinkAddress(
  cursor: Cursor,
  link: LinkValues,
  family: Family,
  use: AddressUse,
): Uint8Array | undefined {
  const token = cursor.take('address');
  const bytes = readAddress(family, token.text);
  if (bytes === undefined) {
    const reason = `${token.text} is not a valid IPv${family} address`;
    cursor.warn(token, reason);
    link.rejected.set(use, { token, reason });
    return undefined;
  }
  if (link.family !== undefined && link.family !== family) {
    throw cursor.refuse(token, `the IPv${family} address ${token.text} stands in an IPv${link.family} link`);
  }
  link.family = family;
  link.addresses.set(use, { family, text: formatAddress(family, bytes, 0) });
  return bytes;
}

function finishMulticast(cursor: Cursor, link: LinkValues): LinkConfig {
  const group = need(cursor, link, 'group', ["`IPv4_address'", "`IPv6_address'"]);
  const own = link.addresses.get('own');
  if (own === undefined && group.family === 4) {
    cursor.warn(
      link.keyword,
      "`Multicast' link without `IPv4_interface': the routing table chooses the interface",
      'start',
    );
  }
  return {
    transport: 'multicast',
    group: group.text,
    interfaceAddress: own?.text,
    ...common(cursor, link, group.family, "`Group'"),
  };
}

function finishUnicast(cursor: Cursor, link: LinkValues, transport: 'udp' | 'tcp'): LinkConfig {
  const destination = need(cursor, link, 'destination', [
    "`IPv4_Destination_Address'",
    "`IPv6_Destination_Address'",
  ]);
  const { family } = destination;
  const own = link.addresses.get('own');
  if (own === undefined) {
    const missing = `${quote(link.keyword.text)} link without \`IPv${family}_address'`;
    cursor.warn(link.keyword, `${missing}: it listens on every address of this machine`, 'start');
  }
  return {
    transport,
    address: own?.text ?? (family === 4 ? '0.0.0.0' : '::'),
    destination: destination.text,
    ...common(cursor, link, family, "`Port'"),
  };
}

function common(cursor: Cursor, link: LinkValues, family: Family, portWord: string) {
  if (link.interface === undefined) throw lacks(cursor, link, ["`Interface'"]);
  if (link.port === undefined) throw lacks(cursor, link, [portWord]);
  return {
    default: false,
    interface: link.interface,
    family,
    port: link.port,
    sendBuffer: link.sendBuffer,
    receiveBuffer: link.receiveBuffer,
    checksum: link.checksum,
    line: link.keyword.line,
  };
}

function need(cursor: Cursor, link: LinkValues, use: AddressUse, options: readonly string[]) {
  const address = link.addresses.get(use);
  if (address !== undefined) return address;
  const rejected = link.rejected.get(use);
  if (rejected !== undefined) throw cursor.refuse(rejected.token, rejected.reason);
  throw lacks(cursor, link, options);
}

function lacks(cursor: Cursor, link: LinkValues, options: readonly string[]): ConfigError {
  return unexpected(
    cursor.file,
    link.keyword,
    `a ${quote(link.keyword.text)} link that lacks an option`,
    options,
  );
}
