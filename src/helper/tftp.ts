import { readU16 } from '../bytes/integers.ts';
import { Protocol } from '../flow/protocol.ts';
import { Status } from '../flow/status.ts';
import { ACCEPT, expectation, followingMaster, REPLY } from './expected-flow.ts';
import type { HelperProtocol } from './protocol.ts';

/** RFC 1350 5. */
const Opcode = { READ_REQUEST: 1, WRITE_REQUEST: 2 } as const;
const OPCODE_SIZE = 2;

/** TFTP: the server answers a request from another port, RFC 1350 4. */
export const tftp: HelperProtocol<undefined> = {
  name: 'tftp',
  transport: 'udp',
  privateBytes: 0,
  newState: () => undefined,
  inspect({ payload, direction }, flow) {
    if (direction === 'reply' || !isRequest(payload)) return ACCEPT;
    const { source, destination, ports } = flow.reply;
    if (ports === undefined) return ACCEPT;
    const plain = expectation(flow, {
      source,
      destination,
      protocol: Protocol.UDP,
      destinationPort: ports.destination,
    });
    const isTranslated = (flow.status & (Status.SRC_NAT | Status.DST_NAT)) !== 0;
    // The client's own port, which no payload tells.
    const clientPort = flow.original.ports?.source ?? ports.destination;
    const made = isTranslated ? followingMaster(plain, REPLY, clientPort) : plain;
    return { verdict: 'accept', expected: [{ expectation: made }] };
  },
};

/** RFC 1350 5, figure 5-1: opcode, file name, 0, mode, 0; RFC 2347 2 puts options behind them. */
function isRequest(payload: Uint8Array): boolean {
  if (payload.length < OPCODE_SIZE) return false;
  const opcode = readU16(payload, 0);
  if (opcode !== Opcode.READ_REQUEST && opcode !== Opcode.WRITE_REQUEST) return false;
  const nameEnd = payload.indexOf(0, OPCODE_SIZE);
  return nameEnd > OPCODE_SIZE && payload.indexOf(0, nameEnd + 1) > nameEnd + 1;
}
