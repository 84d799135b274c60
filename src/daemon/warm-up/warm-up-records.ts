import type { Flow } from '../../flow/flow.ts';
import { Protocol } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import { encodeFlow } from '../../wire/encode.ts';

/** Bytes that a datagram stays below, as on an Ethernet link. */
export const PAYLOAD_LIMIT = 1472;

/** Returns the kernel's id (u32) of the nth flow: ids are spread over the whole range, as the kernel's are. */
export function kernelIdOf(n: number): number {
  return Math.imul(n, 0x9e37_79b1) >>> 0;
}

/** Creates records of common kinds of flow, as they begin, or as they are once a packet has answered. */
export function warmUpRecords(count: number, isAnswered: boolean): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => encodeFlow(warmUpFlow(n, isAnswered)));
}

function warmUpFlow(n: number, isAnswered: boolean): Flow {
  const ports = { source: 1024 + n, destination: 80 };
  // With NAT loaded the kernel marks every flow as set up.
  const nat = n % 4 < 2 ? 0 : Status.SRC_NAT_DONE | Status.DST_NAT_DONE;
  const status =
    nat | (isAnswered ? Status.SEEN_REPLY | Status.ASSURED | Status.CONFIRMED : Status.CONFIRMED);
  const mark = isAnswered && n % 2 === 0 ? { mark: n } : {};
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
    tcp: { state: isAnswered ? 3 : 1 },
    // Every flow that was created over ctnetlink has it.
    ...(n % 8 === 2 ? { synproxy: { its: 0, isn: 0, tsoff: 0 } } : {}),
    ...(n % 8 === 3 ? { sourceNat: { address: '203.0.113.1' } } : {}),
    ...mark,
  };
}
