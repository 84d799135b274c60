/**
 * What an administrator lets through a guard, as text:
 *
 *     PREFIX
 *     [PROTOCOL [PORT[-PORT]]] [from PREFIX]
 *
 * such as `192.0.2.0/24`, `icmp`, `tcp 22`, `udp 4500 from 2001:db8::/32`. A prefix is an address with or without `/LENGTH`,
 * and matches the source; ports match the destination. `icmp` is IPv4's, `icmpv6` IPv6's.
 */

import { addressSize, type Family, formatAddress } from '../flow/address.ts';
import { parseAddress } from '../flow/parse-address.ts';

export interface AllowedTraffic {
  /** As it was written. */
  readonly text: string;
  /** Number of the IP protocol; undefined: any. */
  readonly protocol: number | undefined;
  /** Destination ports, both included; undefined: any. */
  readonly ports: { readonly first: number; readonly last: number } | undefined;
  /** Source addresses; undefined: any. */
  readonly from: AddressPrefix | undefined;
}

export interface AddressPrefix {
  /** 4 or 16 bytes in network byte order; those beyond the prefix are 0. */
  readonly address: Uint8Array;
  /** Bits of the address that count. */
  readonly length: number;
}

/** What is wrong in a text, and what is expected in its place. */
export class AllowedTrafficError extends Error {
  override readonly name = 'AllowedTrafficError';
  /** Undefined where something is missing. */
  readonly found: string | undefined;
  readonly expected: string;

  constructor(found: string | undefined, expected: string) {
    super(`expected ${expected}`);
    this.found = found;
    this.expected = expected;
  }
}

interface Protocol {
  readonly number: number;
  readonly hasPorts?: true;
  /** The family that it belongs to; undefined: both. */
  readonly family?: Family;
}

/** IANA's numbers. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  tcp: { number: 6, hasPorts: true },
  udp: { number: 17, hasPorts: true },
  sctp: { number: 132, hasPorts: true },
  icmp: { number: 1, family: 4 },
  icmpv6: { number: 58, family: 6 },
  igmp: { number: 2, family: 4 },
  gre: { number: 47 },
  esp: { number: 50 },
  ah: { number: 51 },
  ospf: { number: 89 },
};

const NAMES = Object.keys(PROTOCOLS).join(', ');
const PORTS = /^(\d{1,5})(?:-(\d{1,5}))?$/;
const PORT_MAX = 65_535;

/** @throws AllowedTrafficError */
export function parseAllowedTraffic(text: string): AllowedTraffic {
  const words = text.split(' ');
  const first = words.shift()!;
  if (words.length === 0 && /[.:]/.test(first)) {
    return { text, protocol: undefined, ports: undefined, from: parsePrefix(first, undefined) };
  }
  let protocol: Protocol | undefined;
  let ports: AllowedTraffic['ports'];
  if (isFrom(first)) words.unshift(first);
  else {
    if (!Object.hasOwn(PROTOCOLS, first)) throw mistake(first, `a protocol (${NAMES}) or an address`);
    protocol = PROTOCOLS[first]!;
    if (words.length > 0 && !isFrom(words[0]!)) ports = parsePorts(first, protocol, words.shift()!);
  }
  const from = words.length === 0 ? undefined : parseFrom(words, protocol?.family);
  return { text, protocol: protocol?.number, ports, from };
}

function parsePorts(name: string, { hasPorts }: Protocol, word: string): AllowedTraffic['ports'] {
  if (hasPorts === undefined)
    throw mistake(word, `\`from ADDRESS' or nothing behind ${name}, which has no ports`);
  const [, low, high = low] = PORTS.exec(word) ?? [];
  const ports = { first: Number(low), last: Number(high) };
  if (!(ports.first >= 1 && ports.first <= ports.last && ports.last <= PORT_MAX)) {
    throw mistake(word, `a port from 1 to ${PORT_MAX}, two such as 6000-6010, or \`from ADDRESS'`);
  }
  return ports;
}

function parseFrom([from, prefix, ...rest]: readonly string[], family: Family | undefined): AddressPrefix {
  if (!isFrom(from!)) throw mistake(from!, "`from ADDRESS' or nothing");
  if (prefix === undefined) throw new AllowedTrafficError(undefined, 'an address at the end');
  if (rest.length > 0) throw mistake(rest[0]!, 'nothing behind the address');
  return parsePrefix(prefix, family);
}

function parsePrefix(word: string, family: Family | undefined): AddressPrefix {
  const [text, bits, ...rest] = word.split('/');
  const what = family === undefined ? 'an address' : `an IPv${family} address`;
  const expected = `${what} with or without a prefix length, such as 192.0.2.0/24`;
  let address: Uint8Array;
  try {
    address = parseAddress(text!);
  } catch {
    throw mistake(word, expected);
  }
  const size = address.length;
  const length = bits === undefined ? 8 * size : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  const isFamily = family === undefined || addressSize(family) === size;
  if (!isFamily || rest.length > 0 || length < 1 || length > 8 * size) throw mistake(word, expected);
  const network = address.map((byte, at) => byte & (0xff00 >> Math.max(0, Math.min(8, length - 8 * at))));
  if (network.some((byte, at) => byte !== address[at])) {
    throw mistake(word, `${formatAddress(size === 4 ? 4 : 6, network, 0)}/${length}, the network's address`);
  }
  return { address, length };
}

function isFrom(word: string): boolean {
  return /^from$/.test(word);
}

function mistake(found: string, expected: string): AllowedTrafficError {
  return new AllowedTrafficError(found, expected);
}
