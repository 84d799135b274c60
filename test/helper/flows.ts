import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import type { Tuple } from '../../src/flow/tuple.ts';
import type { InspectedFlow, InspectedPacket } from '../../src/helper/protocol.ts';

export const CLIENT = '10.0.0.1';
export const SERVER = '192.0.2.1';
/** What the client is translated to. */
export const PUBLIC = '203.0.113.1';
export const CLIENT_6 = 'fd00::1';
export const SERVER_6 = '2001:db8::1';

function tuple(source: string, destination: string, protocol: number, ports: [number, number]): Tuple {
  const family = source.includes(':') ? 6 : 4;
  return { family, source, destination, protocol, ports: { source: ports[0], destination: ports[1] } };
}

export function flowOf(
  source: string,
  destination: string,
  transport: 'tcp' | 'udp',
  ports: [number, number],
): InspectedFlow {
  const protocol = transport === 'tcp' ? Protocol.TCP : Protocol.UDP;
  return {
    original: tuple(source, destination, protocol, ports),
    reply: tuple(destination, source, protocol, [ports[1], ports[0]]),
    status: Status.CONFIRMED | Status.SEEN_REPLY,
  };
}

/** The flow with its source translated. */
export function sourceTranslated({ original, reply, status }: InspectedFlow, address: string): InspectedFlow {
  return { original, reply: { ...reply, destination: address }, status: status | Status.SRC_NAT };
}

/** The flow with its destination translated. */
export function destinationTranslated(
  { original, reply, status }: InspectedFlow,
  address: string,
): InspectedFlow {
  return { original, reply: { ...reply, source: address }, status: status | Status.DST_NAT };
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

export function packet(
  direction: 'original' | 'reply',
  payload: Uint8Array | string,
  tcp?: InspectedPacket['tcp'],
): InspectedPacket {
  return {
    payload: typeof payload === 'string' ? bytes(payload) : payload,
    direction,
    isEstablished: true,
    ...(tcp && { tcp }),
  };
}

/** Bytes of 32-bit numbers in network byte order. */
export function words(...numbers: number[]): Uint8Array {
  const out = new Uint8Array(4 * numbers.length);
  const view = new DataView(out.buffer);
  numbers.forEach((number, n) => {
    view.setUint32(4 * n, number);
  });
  return out;
}

export function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
