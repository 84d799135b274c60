/** Counts translated flows by what they share: the port range of a source, the backend of a destination. */

import { type Family, formatAddress } from '../../flow/address.ts';
import { AddressAt, type ListedFlow } from '../../flow/listed/listed-flow.ts';
import { protocolName } from '../../flow/names.ts';
import { HeavyHitters } from './heavy-hitters.ts';
import type { Backend, Counted, NatPool } from './table-fact.ts';

/** 32-bit words of an address of either family. */
const ADDRESS_WORDS = 4;

const words = new Int32Array(ADDRESS_WORDS);
const bytes = new Uint8Array(words.buffer);

function putAddress(flow: ListedFlow, place: AddressAt, to: Int32Array, at: number): void {
  for (let n = 0; n < ADDRESS_WORDS; n++) to[at + n] = flow.addressWords[(place >> 2) + n]!;
}

function addressText(family: Family, from: Int32Array, at: number): string {
  for (let n = 0; n < ADDRESS_WORDS; n++) words[n] = from[at + n]!;
  return formatAddress(family, bytes, 0);
}

const familyOf = (kind: number): Family => (kind >>> 8 === 6 ? 6 : 4);
const kindOf = ({ family, protocol }: ListedFlow): number => (family << 8) | protocol;

export function protocolText(protocol: number): string {
  const name = protocolName(protocol);
  return name === 'unknown' ? String(protocol) : name;
}

/** Flows by one of their addresses. */
export class AddressGroups {
  private readonly groups = new HeavyHitters(1 + ADDRESS_WORDS);
  private readonly place: AddressAt;

  constructor(place: AddressAt) {
    this.place = place;
  }

  add(flow: ListedFlow): void {
    const { key } = this.groups;
    key[0] = flow.family;
    putAddress(flow, this.place, key, 1);
    this.groups.add(false);
  }

  top(limit: number): Counted[] {
    return this.groups
      .top(limit)
      .map(({ at, flows }) => [
        addressText(this.groups.keys[at] === 6 ? 6 : 4, this.groups.keys, at + 1),
        flows,
      ]);
  }

  clear(): void {
    this.groups.clear();
  }
}

/** Flows with a translated source by (protocol, translated address, destination, its port), within which a port is one flow's. */
export class NatPools {
  private readonly groups = new HeavyHitters(2 + 2 * ADDRESS_WORDS);

  add(flow: ListedFlow): void {
    const { key } = this.groups;
    key[0] = kindOf(flow);
    key[1] = flow.reply.sourcePort;
    putAddress(flow, AddressAt.REPLY_DESTINATION, key, 2);
    putAddress(flow, AddressAt.REPLY_SOURCE, key, 2 + ADDRESS_WORDS);
    this.groups.add(false);
  }

  top(limit: number): NatPool[] {
    const { keys } = this.groups;
    return this.groups.top(limit).map(({ at, flows }) => {
      const kind = keys[at]!;
      return {
        protocol: protocolText(kind & 0xff),
        address: addressText(familyOf(kind), keys, at + 2),
        destination: addressText(familyOf(kind), keys, at + 2 + ADDRESS_WORDS),
        port: keys[at + 1]!,
        flows,
      };
    });
  }

  clear(): void {
    this.groups.clear();
  }
}

/** Flows with a translated destination by (protocol, destination, port, backend, its port). */
export class Backends {
  private readonly groups: HeavyHitters;

  /** @param capacity backends, a power of 2 */
  constructor(capacity?: number) {
    this.groups = new HeavyHitters(3 + 2 * ADDRESS_WORDS, capacity);
  }

  add(flow: ListedFlow, isUnreplied: boolean): void {
    const { key } = this.groups;
    key[0] = kindOf(flow);
    key[1] = flow.original.destinationPort;
    key[2] = flow.reply.sourcePort;
    putAddress(flow, AddressAt.DESTINATION, key, 3);
    putAddress(flow, AddressAt.REPLY_SOURCE, key, 3 + ADDRESS_WORDS);
    this.groups.add(isUnreplied);
  }

  top(limit: number): Backend[] {
    const { keys } = this.groups;
    return this.groups.top(limit).map(({ at, flows, marked }) => {
      const kind = keys[at]!;
      return {
        protocol: protocolText(kind & 0xff),
        service: addressText(familyOf(kind), keys, at + 3),
        servicePort: keys[at + 1]!,
        backend: addressText(familyOf(kind), keys, at + 3 + ADDRESS_WORDS),
        backendPort: keys[at + 2]!,
        flows,
        unreplied: marked,
      };
    });
  }

  clear(): void {
    this.groups.clear();
  }
}
