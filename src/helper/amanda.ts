import { Protocol } from '../flow/protocol.ts';
import { Status } from '../flow/status.ts';
import { ACCEPT, expectation, isPort, ORIGINAL, translatedFlow } from './expected-flow.ts';
import type { ExpectedFlow, HelperProtocol, InspectedFlow } from './protocol.ts';
import { asciiBytes, payloadText } from './text.ts';

/** Bytes of an answer that are looked at. */
const ANSWER_MAX = 2048;
/** Seconds: a client works out how much there is to back up before it answers. */
const MASTER_TIMEOUT = 300;
/** The connections that an answer names, in this order. */
const CONNECTIONS = ['DATA ', 'MESG ', 'INDEX '] as const;

/** Amanda: the answer of the machine that is backed up, CONNECT DATA port MESG port INDEX port, names the TCP ports. */
export const amanda: HelperProtocol<undefined> = {
  name: 'amanda',
  transport: 'udp',
  privateBytes: 0,
  newState: () => undefined,
  inspect({ payload, direction }, flow) {
    if (direction === 'original') return ACCEPT;
    return { verdict: 'accept', expected: expectedFlows(payload, flow), timeout: MASTER_TIMEOUT };
  },
};

function expectedFlows(payload: Uint8Array, flow: InspectedFlow): ExpectedFlow[] {
  const text = payloadText(payload, ANSWER_MAX);
  const line = /CONNECT [^\n]*/.exec(text);
  if (line === null) return [];
  const expected: ExpectedFlow[] = [];
  let at = 'CONNECT '.length;
  for (const name of CONNECTIONS) {
    const found = line[0].indexOf(name, at);
    if (found < 0) continue;
    at = found + name.length;
    const digits = /^\d{1,5}(?!\d)/.exec(line[0].slice(at))?.[0];
    if (digits === undefined || !isPort(Number(digits))) break;
    expected.push(expectedFlow(flow, line.index + at, digits));
  }
  return expected;
}

function expectedFlow(flow: InspectedFlow, offset: number, digits: string): ExpectedFlow {
  const { source, destination } = flow.original;
  const ends = { source, destination, protocol: Protocol.TCP, destinationPort: Number(digits) };
  if ((flow.status & (Status.SRC_NAT | Status.DST_NAT)) === 0)
    return { expectation: expectation(flow, ends) };
  return translatedFlow(flow, ends, ORIGINAL, (reserved) => ({
    offset,
    length: digits.length,
    replacement: asciiBytes(String(reserved)),
  }));
}
