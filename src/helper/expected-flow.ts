import { type Family, formatAddress } from '../flow/address.ts';
import { type Expectation, ExpectationFlag } from '../flow/expectation.ts';
import { parseAddress } from '../flow/parse-address.ts';
import type { Tuple } from '../flow/tuple.ts';
import type { ExpectedFlow, InspectedFlow, InspectedPacket, Inspection, PayloadRewrite } from './protocol.ts';

export const ACCEPT: Inspection = { verdict: 'accept', expected: [] };
export const DROP: Inspection = { verdict: 'drop', expected: [] };

/** Names the kernel's function that translates a flow as its master is translated. */
const FOLLOW_MASTER = 'nat-follow-master';

/** What a flow must look like to be expected; undefined is any. */
export interface ExpectedEnds {
  readonly source: string | undefined;
  readonly destination: string;
  /** Layer 4 protocol number. */
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort: number;
}

export interface ExpectationTraits {
  /** More than one flow may come of it. */
  readonly isPermanent?: boolean;
  /** Name of the helper of the flow that comes of it. */
  readonly helper?: string;
}

/** Direction number of an expectation's NAT, `enum ip_conntrack_dir`. */
export const ORIGINAL = 0;
export const REPLY = 1;

/** The tuple of the direction in which the packet travels. */
export function forwardTuple(packet: InspectedPacket, flow: InspectedFlow): Tuple {
  return packet.direction === 'original' ? flow.original : flow.reply;
}

/** The tuple of the other direction. What a packet's sender announces is expected to come on its way. */
export function backwardTuple(packet: InspectedPacket, flow: InspectedFlow): Tuple {
  return packet.direction === 'original' ? flow.reply : flow.original;
}

export function expectation(
  { original }: InspectedFlow,
  ends: ExpectedEnds,
  { isPermanent = false, helper }: ExpectationTraits = {},
): Expectation {
  const { family } = original;
  const { source, destination, protocol, sourcePort, destinationPort } = ends;
  return {
    master: original,
    expected: {
      family,
      source: source ?? anyAddress(family),
      destination,
      protocol,
      ports: { source: sourcePort ?? 0, destination: destinationPort },
    },
    mask: {
      family,
      source: source === undefined ? anyAddress(family) : wholeAddress(family),
      destination: wholeAddress(family),
      protocol,
      ports: { source: sourcePort === undefined ? 0 : 0xffff, destination: 0xffff },
    },
    ...(isPermanent && { flags: ExpectationFlag.PERMANENT }),
    ...(helper !== undefined && { helper }),
  };
}

/**
 * The expectation of a flow that is translated as its master is.
 * @param direction of the master in which the expected flow travels: `ORIGINAL` or `REPLY`
 * @param port to which the expected flow's destination port is translated
 */
export function followingMaster(plain: Expectation, direction: number, port: number): Expectation {
  const { family, protocol } = plain.expected;
  const any = anyAddress(family);
  const tuple = { family, source: any, destination: any, protocol, ports: { source: port, destination: 0 } };
  return { ...plain, function: FOLLOW_MASTER, nat: { direction, tuple } };
}

/** A flow that is translated as its master is, to a port of which the peer must be told by rewriting the packet. */
export function translatedFlow(
  flow: InspectedFlow,
  ends: ExpectedEnds,
  direction: number,
  rewrite: (port: number) => PayloadRewrite,
  traits?: ExpectationTraits,
): ExpectedFlow {
  const announced = ends.destinationPort;
  return {
    expectation: expectation(flow, ends, traits),
    nat: {
      firstPort: announced,
      expectation: (port) =>
        followingMaster(expectation(flow, { ...ends, destinationPort: port }, traits), direction, announced),
      rewrite,
    },
  };
}

/** The address as tuples have it; undefined where the text is no address of the family. */
export function canonicalAddress(text: string, family: Family): string | undefined {
  if (text.includes(':') !== (family === 6)) return undefined;
  try {
    return formatAddress(family, parseAddress(text), 0);
  } catch {
    return undefined;
  }
}

/** True for a number that a port may have; 0 means none. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port <= 0xffff;
}

function anyAddress(family: Family): string {
  return family === 4 ? '0.0.0.0' : '::';
}

function wholeAddress(family: Family): string {
  return family === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
}
