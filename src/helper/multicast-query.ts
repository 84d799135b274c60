import { readU16 } from '../bytes/integers.ts';
import { Protocol } from '../flow/protocol.ts';
import { ACCEPT, backwardTuple, expectation, forwardTuple } from './expected-flow.ts';
import type { HelperProtocol } from './protocol.ts';

/** A helper of a protocol in which everyone may answer a query, from the port to which it went. */
function multicastQuery(name: string, isQuery: (payload: Uint8Array) => boolean): HelperProtocol<undefined> {
  return {
    name,
    transport: 'udp',
    privateBytes: 0,
    newState: () => undefined,
    inspect(packet, flow) {
      const { source, ports } = forwardTuple(packet, flow);
      const sourcePort = backwardTuple(packet, flow).ports?.source;
      if (ports === undefined || sourcePort === undefined || !isQuery(packet.payload)) return ACCEPT;
      const ends = {
        source: undefined,
        destination: source,
        protocol: Protocol.UDP,
        sourcePort,
        destinationPort: ports.source,
      };
      return {
        verdict: 'accept',
        expected: [{ expectation: expectation(flow, ends, { isPermanent: true }) }],
      };
    },
  };
}

/** Multicast DNS: RFC 6762 18.2, a query has the QR bit 0; RFC 1035 4.1.1, the header is 12 bytes. */
export const mdns = multicastQuery(
  'mdns',
  (payload) => payload.length >= 12 && (readU16(payload, 2) & 0x8000) === 0,
);

/** RFC 2608 8: Service Request, Attribute Request and Service Type Request; the same numbers in version 1, RFC 2165 4. */
const SLP_REQUESTS: readonly (number | undefined)[] = [1, 6, 9];

/** Service Location Protocol. */
export const slp = multicastQuery(
  'slp',
  (payload) => (payload[0] === 1 || payload[0] === 2) && SLP_REQUESTS.includes(payload[1]),
);
