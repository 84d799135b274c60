import { readU32 } from '../bytes/integers.ts';
import { Protocol } from '../flow/protocol.ts';
import { ACCEPT, expectation, isPort } from './expected-flow.ts';
import type { HelperProtocol } from './protocol.ts';

/** SANE network protocol, 5.2.8 SANE_NET_START: the code of the call and a handle, both words (u32). */
const NET_START = 7;
const REQUEST_SIZE = 8;
/** The answer begins with a status and a port, both words. */
const ANSWER_MIN = 8;
const STATUS_GOOD = 0;

interface SaneState {
  awaitsPort: boolean;
}

/** Scanners over the network: saned names the port from which the client fetches the picture. */
export const sane: HelperProtocol<SaneState> = {
  name: 'sane',
  transport: 'tcp',
  privateBytes: 4,
  newState: () => ({ awaitsPort: false }),
  inspect({ payload, direction, isEstablished }, flow, state) {
    if (!isEstablished || payload.length === 0) return ACCEPT;
    if (direction === 'original') {
      if (payload.length === REQUEST_SIZE) state.awaitsPort = readU32(payload, 0) === NET_START;
      return ACCEPT;
    }
    const { awaitsPort } = state;
    state.awaitsPort = false;
    if (!awaitsPort || payload.length < ANSWER_MIN || readU32(payload, 0) !== STATUS_GOOD) return ACCEPT;
    const destinationPort = readU32(payload, 4);
    if (!isPort(destinationPort)) return ACCEPT;
    const { source, destination } = flow.original;
    const ends = { source, destination, protocol: Protocol.TCP, destinationPort };
    return { verdict: 'accept', expected: [{ expectation: expectation(flow, ends) }] };
  },
};
