import { addressSize, type Family, formatAddress } from '../flow/address.ts';
import type { Icmp, Ports, Tuple } from '../flow/tuple.ts';
import type { AddressPair } from './value.ts';

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Collects the parts of a tuple until it is complete. */
export interface TupleParts {
  family?: Family;
  source?: string;
  destination?: string;
  protocol?: number;
  ports?: Ports;
  icmp?: Mutable<Partial<Icmp>>;
}

/** Sets the addresses from the pair at `at`, the source first. */
export function setAddresses(parts: TupleParts, family: Family, bytes: Uint8Array, at: number): void {
  parts.family = family;
  parts.source = formatAddress(family, bytes, at);
  parts.destination = formatAddress(family, bytes, at + addressSize(family));
}

/** The tuple, with 0 for missing parts. */
export function tupleOf(parts: TupleParts): Tuple {
  const tuple: Mutable<Tuple> = {
    family: parts.family ?? 4,
    source: parts.source ?? '0.0.0.0',
    destination: parts.destination ?? '0.0.0.0',
    protocol: parts.protocol ?? 0,
  };
  if (parts.ports) tuple.ports = parts.ports;
  if (parts.icmp) tuple.icmp = parts.icmp as Icmp;
  return tuple;
}

/** The addresses of a tuple of this family; undefined for another family or without a tuple. */
export function addressesOf(family: Family, tuple: Tuple | undefined): AddressPair | undefined {
  return tuple?.family === family ? tuple : undefined;
}
