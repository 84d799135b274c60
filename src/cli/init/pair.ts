import { parseAddress } from '../../flow/parse-address.ts';
import type { Machine, MachineInterface } from './machine.ts';
import { isInNetwork, type NetworkAddress } from './network.ts';

export const MODES = ['ftfw', 'notrack', 'alarm'] as const;
export type Mode = (typeof MODES)[number];

/** What somebody wants of a pair of nodes. */
export interface Wishes {
  readonly mode: Mode;
  /** The dedicated links: one, or a second one to fall back on. */
  readonly links: readonly WantedLink[];
  /** UDP port of the links. */
  readonly port: number;
  /** The name of keepalived's VRRP instance; undefined: keepalived has no part in it. */
  readonly instance: string | undefined;
  /** `ADDRESS/BITS` or `ADDRESS/BITS@INTERFACE`. */
  readonly virtualAddresses: readonly string[];
  /** VRID, 1 to 255. */
  readonly routerId: number;
  /** Whether a guard drops what arrives during a takeover. */
  readonly guard: boolean;
}

export interface WantedLink {
  readonly interface: string;
  /** The peer's address on it. */
  readonly peer: string;
}

/** Two nodes that replicate to each other. */
export interface Pair {
  readonly wishes: Wishes;
  readonly nodes: readonly [PairNode, PairNode];
  readonly virtualAddresses: readonly VirtualAddress[];
  /** Most flows of a kernel's table. */
  readonly tableLimit: number;
}

export interface PairNode {
  readonly name: string;
  readonly isPeer: boolean;
  readonly links: readonly LinkEnds[];
  /** Addresses of the node itself, as far as they are known here; flows to them are not replicated. */
  readonly ownAddresses: readonly string[];
}

/** A dedicated link as one of the nodes sees it. */
export interface LinkEnds {
  readonly interface: string;
  readonly own: string;
  readonly peer: string;
}

export interface VirtualAddress extends NetworkAddress {
  readonly interface: string;
}

/** What cannot be done as it is wished, in one line. */
export class WishError extends Error {}

/** The kernel's default with 4 GiB of memory and more. */
const USUAL_TABLE_LIMIT = 262144;

/** @throws WishError */
export function planPair(wishes: Wishes, machine: Machine): Pair {
  const links = wishes.links.map((link) => linkEnds(link, machine));
  const [first, second] = links;
  if (second !== undefined && second.interface === first!.interface) {
    throw new WishError(
      `both links are on ${second.interface}: a second link is for when the first one is down`,
    );
  }
  const virtualAddresses = wishes.virtualAddresses.map((text) => virtualAddress(text, machine));
  if (wishes.guard && virtualAddresses.length === 0) {
    throw new WishError('--guard needs --virtual, which says on which interfaces the virtual addresses are');
  }
  const virtual = virtualAddresses.map(({ address }) => address);
  const own = machine.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address));
  return {
    wishes,
    virtualAddresses,
    tableLimit: machine.tableLimit ?? USUAL_TABLE_LIMIT,
    nodes: [
      { name: machine.name, isPeer: false, links, ownAddresses: unique([...own, ...virtual]) },
      {
        name: 'the peer',
        isPeer: true,
        links: links.map(({ own, peer, ...link }) => ({ ...link, own: peer, peer: own })),
        ownAddresses: unique([...links.map(({ peer }) => peer), ...virtual]),
      },
    ],
  };
}

/** The interface of this name. @throws WishError that says which there are */
export function interfaceNamed(name: string, { interfaces }: Machine): MachineInterface {
  const found = interfaces.find((each) => each.name === name);
  if (found !== undefined) return found;
  const known = interfaces.map((each) => each.name).join(', ') || 'none';
  throw new WishError(`interface ${name}: not here, or without an address; those that have one: ${known}`);
}

function linkEnds({ interface: name, peer }: WantedLink, machine: Machine): LinkEnds {
  const { addresses } = interfaceNamed(name, machine);
  checkAddress(peer);
  if (addresses.some(({ address }) => address === peer)) {
    throw new WishError(`${peer} is this machine's own address on ${name}, expected the peer's`);
  }
  const own = addresses.find((each) => isInNetwork(peer, each));
  if (own === undefined) {
    const networks = addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(', ');
    throw new WishError(`${peer} is in no network of ${name}, which has ${networks}`);
  }
  return { interface: name, own: own.address, peer };
}

function checkAddress(text: string): void {
  try {
    parseAddress(text);
  } catch {
    throw new WishError(`found \`${text}', expected an IPv4 or IPv6 address`);
  }
}

function virtualAddress(text: string, { interfaces }: Machine): VirtualAddress {
  const [, address, bits, wanted] = /^([^/@]+)\/(\d{1,3})(?:@(.+))?$/.exec(text) ?? [];
  if (address === undefined) {
    throw new WishError(
      `found \`${text}', expected a virtual address such as 192.0.2.1/24 or 192.0.2.1/24@eth0`,
    );
  }
  checkAddress(address);
  const prefixLength = Number(bits);
  if (prefixLength < 1 || prefixLength > (address.includes(':') ? 128 : 32)) {
    throw new WishError(`found \`/${bits}' in ${text}, expected the length of a network's prefix`);
  }
  const place =
    wanted ?? interfaces.find(({ addresses }) => addresses.some((each) => isInNetwork(address, each)))?.name;
  if (place === undefined) {
    throw new WishError(`${address} is in no network of this machine: name its interface, as ${text}@eth0`);
  }
  return { address, prefixLength, interface: place };
}

function unique(words: readonly string[]): readonly string[] {
  return [...new Set(words)];
}
