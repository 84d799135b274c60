import type { Flow } from '../../flow/flow.ts';
import { Protocol } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import { encodeFlow } from '../../wire/encode.ts';

/** Bytes below which a datagram stays, as with an Ethernet link. */
export const PAYLOAD_LIMIT = 1472;

/** The number (u32) of the nth flow in a kernel: they are spread over all there are. */
export function numberInKernel(n: number): number {
  return Math.imul(n, 0x9e37_79b1) >>> 0;
}

/** Flows of the everyday kinds, as they begin, or as they are once they are answered. */
export function warmUpRecords(count: number, grown: boolean): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => encodeFlow(rehearsedFlow(n, grown)));
}

function rehearsedFlow(n: number, grown: boolean): Flow {
  const ports = { source: 1024 + n, destination: 80 };
  // Where the kernel has NAT loaded it says of every flow that it was set up.
  const nat = n % 4 < 2 ? 0 : Status.SRC_NAT_DONE | Status.DST_NAT_DONE;
  const status = nat | (grown ? Status.SEEN_REPLY | Status.ASSURED | Status.CONFIRMED : Status.CONFIRMED);
  const mark = grown && n % 2 === 0 ? { mark: n } : {};
  const timeout = 600;
  if (n % 8 === 0) {
    const [source, destination] = ['2001:db8::1', '2001:db8::2'];
    const original = { family: 6, source, destination, protocol: Protocol.UDP, ports } as const;
    return { original, status, timeout, ...mark };
  }
  const [source, destination] = [`192.0.2.${n & 0xff}`, '198.51.100.1'];
  if (n % 8 === 1) {
    return {
      original: { family: 4, source, destination, protocol: Protocol.UDP, ports },
      status,
      timeout,
      ...mark,
    };
  }
  return {
    original: { family: 4, source, destination, protocol: Protocol.TCP, ports },
    status,
    timeout,
    tcp: { state: grown ? 3 : 1 },
    // As all have that were created over ctnetlink.
    ...(n % 8 === 2 ? { synproxy: { its: 0, isn: 0, tsoff: 0 } } : {}),
    ...(n % 8 === 3 ? { sourceNat: { address: '203.0.113.1' } } : {}),
    ...mark,
  };
}
