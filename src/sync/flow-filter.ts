import { readU16 } from '../bytes/integers.ts';
import type { Family } from '../flow/address.ts';
import { Protocol } from '../flow/protocol.ts';
import { Attr, TLV_HEADER } from '../wire/attribute.ts';

type Logic = 'accept' | 'ignore';

export interface AddressRange {
  readonly family: Family;
  /** 4 or 16 bytes in network byte order. */
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** The Filter clause. Without a part, everything passes it. */
export interface FilterRules {
  readonly protocols: { readonly logic: Logic; readonly numbers: readonly number[] } | undefined;
  readonly addresses: { readonly logic: Logic; readonly networks: readonly AddressRange[] } | undefined;
  /** TCP states by the kernel's number; flows of other protocols pass. */
  readonly tcpStates: { readonly logic: Logic; readonly states: readonly number[] } | undefined;
}

/**
 * Decides which flows are replicated. Addresses are those of the real ends: the original source and the reply source.
 */
export class FlowFilter {
  private readonly protocols: Uint8Array | undefined;
  private readonly states: Uint8Array | undefined;
  private readonly acceptsAddresses: boolean | undefined;
  private readonly networks: readonly AddressRange[];

  constructor(rules: FilterRules) {
    this.protocols = passTable(rules.protocols?.logic, rules.protocols?.numbers);
    this.states = passTable(rules.tcpStates?.logic, rules.tcpStates?.states);
    this.acceptsAddresses = rules.addresses && rules.addresses.logic === 'accept';
    this.networks = rules.addresses?.networks ?? [];
  }

  /** True if the flow `bytes[start, end)` is to be replicated. The TCP state of a flow that ended is ignored. */
  accepts(bytes: Uint8Array, start: number, end: number, ended: boolean): boolean {
    let family: Family = 4;
    let source = -1;
    let replySource = -1;
    let protocol = 0;
    let state = -1;
    for (let at = start; at < end; at += (readU16(bytes, at) + 3) & ~3) {
      const value = at + TLV_HEADER;
      switch (readU16(bytes, at + 2)) {
        case Attr.IPV4:
          source = value;
          replySource = value + 4;
          break;
        case Attr.IPV6:
          family = 6;
          source = value;
          replySource = value + 16;
          break;
        case Attr.L4PROTO:
          protocol = bytes[value]!;
          break;
        case Attr.TCP_STATE:
          state = bytes[value]!;
          break;
        case Attr.DNAT_IPV4:
        case Attr.DNAT_IPV6:
          replySource = value;
          break;
      }
    }
    if (this.protocols && this.protocols[protocol] === 0) return false;
    if (this.acceptsAddresses !== undefined) {
      const listed = this.lists(family, bytes, source) || this.lists(family, bytes, replySource);
      if (listed !== this.acceptsAddresses) return false;
    }
    if (this.states === undefined || ended || protocol !== Protocol.TCP || state < 0) return true;
    return this.states[state] === 1;
  }

  private lists(family: Family, bytes: Uint8Array, at: number): boolean {
    for (const network of this.networks) {
      if (network.family === family && contains(network, bytes, at)) return true;
    }
    return false;
  }
}

/** A table by number: 1 where it passes. Undefined where every number passes. */
function passTable(logic: Logic | undefined, numbers: readonly number[] | undefined): Uint8Array | undefined {
  if (logic === undefined || numbers === undefined) return undefined;
  const table = new Uint8Array(256).fill(logic === 'accept' ? 0 : 1);
  for (const number of numbers) table[number] = logic === 'accept' ? 1 : 0;
  return table;
}

function contains(network: AddressRange, bytes: Uint8Array, at: number): boolean {
  const whole = network.prefix >> 3;
  for (let n = 0; n < whole; n++) if (network.bytes[n] !== bytes[at + n]) return false;
  const rest = network.prefix & 7;
  if (rest === 0) return true;
  const mask = (0xff00 >> rest) & 0xff;
  return ((network.bytes[whole]! ^ bytes[at + whole]!) & mask) === 0;
}
