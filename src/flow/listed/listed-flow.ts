/**
 * A flow with all that a listing tells of it. The daemon's records (`wire/record.ts`) hold what goes on the wire; a listing of
 * the kernel's table also has counters, times and users, which change without an event.
 *
 * One object is filled again for each flow that is read, so that a table of a million flows is counted without making a
 * million objects.
 */

import { type Family, formatAddress } from '../address.ts';
import type { Flow } from '../flow.ts';
import { isIcmp, Protocol } from '../protocol.ts';
import type { Tuple } from '../tuple.ts';

/** Stands for a number that is not known. No number that a listing tells is negative. */
export const UNKNOWN = -1;

/** Where an address begins in {@link ListedFlow.addresses}, in bytes. An IPv4 address is the first 4 of its 16 bytes. */
export const AddressAt = { SOURCE: 0, DESTINATION: 16, REPLY_SOURCE: 32, REPLY_DESTINATION: 48 } as const;
export type AddressAt = (typeof AddressAt)[keyof typeof AddressAt];

const ADDRESS_BYTES = 64;

/** One direction of a flow but for its addresses. */
export class ListedDirection {
  /** Ports; for GRE the keys. {@link UNKNOWN} where the protocol has none. */
  sourcePort = UNKNOWN;
  destinationPort = UNKNOWN;
  icmpType = UNKNOWN;
  icmpCode = UNKNOWN;
  icmpId = UNKNOWN;
  /** Zone of this direction alone. */
  zone = UNKNOWN;
  /** What the kernel counted (`nf_conntrack_acct`). */
  packets = UNKNOWN;
  bytes = UNKNOWN;

  clear(): void {
    this.sourcePort = UNKNOWN;
    this.destinationPort = UNKNOWN;
    this.icmpType = UNKNOWN;
    this.icmpCode = UNKNOWN;
    this.icmpId = UNKNOWN;
    this.zone = UNKNOWN;
    this.packets = UNKNOWN;
    this.bytes = UNKNOWN;
  }

  copyFrom(other: ListedDirection): void {
    this.sourcePort = other.sourcePort;
    this.destinationPort = other.destinationPort;
    this.icmpType = other.icmpType;
    this.icmpCode = other.icmpCode;
    this.icmpId = other.icmpId;
    this.zone = other.zone;
    this.packets = other.packets;
    this.bytes = other.bytes;
  }
}

export class ListedFlow {
  family: Family = 4;
  /** Layer 4 protocol number. */
  protocol = 0;
  /** False where only the original direction is known, as of a received flow. */
  hasReply = false;
  /** See {@link AddressAt}; network byte order. The 12 bytes behind an IPv4 address are 0. */
  readonly addresses: Uint8Array = new Uint8Array(new ArrayBuffer(ADDRESS_BYTES));
  /** The same memory as words of this machine. */
  readonly addressWords: Int32Array = new Int32Array(this.addresses.buffer);
  readonly original = new ListedDirection();
  readonly reply = new ListedDirection();
  /** State of TCP, SCTP or DCCP: an index into the names of `flow/protocol.ts`. */
  state = UNKNOWN;
  /** `Status` bits. */
  status = UNKNOWN;
  /** Seconds until the flow expires. */
  timeout = UNKNOWN;
  mark = UNKNOWN;
  zone = UNKNOWN;
  /** The kernel's identifier of the entry. */
  id = UNKNOWN;
  /** References to the kernel's entry. */
  use = UNKNOWN;
  /** Seconds since 1970 (`nf_conntrack_timestamp`). */
  start = UNKNOWN;
  /** The same of its end; {@link UNKNOWN} while it lives. */
  stop = UNKNOWN;
  /** Name of the helper, empty without one. */
  helper = '';
  /** Security context, empty without one. */
  securityContext = '';
  /** 32-bit words of the labels' bit mask, lowest bits first. */
  labels: readonly number[] | undefined;
  /** The original tuple of the flow that expected this one. */
  master: Tuple | undefined;

  clear(): void {
    this.family = 4;
    this.protocol = 0;
    this.hasReply = false;
    this.addressWords.fill(0);
    this.original.clear();
    this.reply.clear();
    this.state = UNKNOWN;
    this.status = UNKNOWN;
    this.timeout = UNKNOWN;
    this.mark = UNKNOWN;
    this.zone = UNKNOWN;
    this.id = UNKNOWN;
    this.use = UNKNOWN;
    this.start = UNKNOWN;
    this.stop = UNKNOWN;
    this.helper = '';
    this.securityContext = '';
    this.labels = undefined;
    this.master = undefined;
  }

  copyFrom(other: ListedFlow): void {
    this.family = other.family;
    this.protocol = other.protocol;
    this.hasReply = other.hasReply;
    this.addresses.set(other.addresses);
    this.original.copyFrom(other.original);
    this.reply.copyFrom(other.reply);
    this.state = other.state;
    this.status = other.status;
    this.timeout = other.timeout;
    this.mark = other.mark;
    this.zone = other.zone;
    this.id = other.id;
    this.use = other.use;
    this.start = other.start;
    this.stop = other.stop;
    this.helper = other.helper;
    this.securityContext = other.securityContext;
    this.labels = other.labels;
    this.master = other.master;
  }

  addressText(at: AddressAt): string {
    return formatAddress(this.family, this.addresses, at);
  }

  /** Packets of both directions, {@link UNKNOWN} where the kernel does not count. */
  get packets(): number {
    return sum(this.original.packets, this.reply.packets);
  }

  get bytes(): number {
    return sum(this.original.bytes, this.reply.bytes);
  }
}

function sum(one: number, other: number): number {
  if (one < 0) return other;
  return other < 0 ? one : one + other;
}

const known = (value: number): number | undefined => (value < 0 ? undefined : value);

function tupleOf(
  flow: ListedFlow,
  direction: ListedDirection,
  source: AddressAt,
  destination: AddressAt,
): Tuple {
  const zone = known(direction.zone);
  return {
    family: flow.family,
    source: flow.addressText(source),
    destination: flow.addressText(destination),
    protocol: flow.protocol,
    ...(direction.sourcePort < 0
      ? {}
      : { ports: { source: direction.sourcePort, destination: Math.max(0, direction.destinationPort) } }),
    ...(direction.icmpType < 0 || !isIcmp(flow.protocol)
      ? {}
      : { icmp: { type: direction.icmpType, code: direction.icmpCode, id: direction.icmpId } }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function protocolState(flow: ListedFlow): Pick<Flow, 'tcp' | 'sctp' | 'dccp'> {
  const { protocol, state } = flow;
  if (state < 0) return {};
  if (protocol === Protocol.TCP) return { tcp: { state } };
  if (protocol === Protocol.SCTP) return { sctp: { state } };
  return protocol === Protocol.DCCP ? { dccp: { state } } : {};
}

/** The part of a listed flow that a `Flow` has. */
export function flowOf(flow: ListedFlow): Flow {
  const { hasReply, status, timeout, mark, zone, id, helper, labels, master } = flow;
  return {
    original: tupleOf(flow, flow.original, AddressAt.SOURCE, AddressAt.DESTINATION),
    ...(hasReply
      ? { reply: tupleOf(flow, flow.reply, AddressAt.REPLY_SOURCE, AddressAt.REPLY_DESTINATION) }
      : {}),
    ...(status < 0 ? {} : { status }),
    ...(timeout < 0 ? {} : { timeout }),
    ...(mark < 0 ? {} : { mark }),
    ...protocolState(flow),
    ...(master === undefined ? {} : { master }),
    ...(helper === '' ? {} : { helper }),
    ...(labels === undefined ? {} : { labels }),
    ...(zone < 0 ? {} : { zone }),
    ...(id < 0 ? {} : { id }),
  };
}
