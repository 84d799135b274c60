import { Protocol } from '../flow/protocol.ts';
import { ACCEPT, DROP, expectation, forwardTuple } from './expected-flow.ts';
import type { HelperProtocol } from './protocol.ts';

/** RFC 8415 7.2. */
const CLIENT_PORT = 546;
/** RFC 8415 7.3: Relay-reply, the last type. */
const TYPE_MAX = 13;

/** How long a client waits for the answer to a message, in seconds, by the types of RFC 8415 7.3; times as in 7.6. */
const TIMEOUTS: ReadonlyMap<number, number> = new Map([
  [1, 120], // Solicit: SOL_MAX_RT as RFC 3315 had it
  [3, 30], // Request: REQ_MAX_RT
  [4, 4], // Confirm: CNF_MAX_RT
  [5, 600], // Renew: REN_MAX_RT
  [6, 600], // Rebind: REB_MAX_RT
  [8, 1], // Release: REL_TIMEOUT
  [9, 1], // Decline: DEC_TIMEOUT
  [11, 120], // Information-request: INF_MAX_RT as RFC 3315 had it
]);

/** DHCPv6: a server answers a client's multicast from an address of its own. */
export const dhcpv6: HelperProtocol<undefined> = {
  name: 'dhcpv6',
  transport: 'udp',
  privateBytes: 0,
  newState: () => undefined,
  inspect(packet, flow) {
    const { source, destination, family } = forwardTuple(packet, flow);
    const type = packet.payload[0];
    // RFC 4291 2.7: multicast addresses begin with ff.
    if (family !== 6 || !/^ff[0-9a-f]{2}:/.test(destination) || type === undefined) return ACCEPT;
    if (type > TYPE_MAX) return DROP;
    const timeout = TIMEOUTS.get(type);
    if (timeout === undefined) return ACCEPT;
    const ends = {
      source: undefined,
      destination: source,
      protocol: Protocol.UDP,
      destinationPort: CLIENT_PORT,
    };
    return {
      verdict: 'accept',
      expected: [{ expectation: expectation(flow, ends, { isPermanent: true }) }],
      timeout,
    };
  },
};
