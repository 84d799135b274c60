import { readU16, writeU16 } from '../bytes/integers.ts';
import type { Family } from '../flow/address.ts';
import { Protocol } from '../flow/protocol.ts';
import { Status } from '../flow/status.ts';
import { ACCEPT, canonicalAddress, expectation, isPort, ORIGINAL, translatedFlow } from './expected-flow.ts';
import type { ExpectedFlow, HelperProtocol, InspectedFlow, PayloadRewrite } from './protocol.ts';
import { asciiBytes, payloadText } from './text.ts';

/**
 * A packet of TNS (Oracle's Transparent Network Substrate, which has no public specification) begins with its length (u16),
 * a checksum (u16), its type (u8), a reserved byte and a checksum of the header (u16); a REDIRECT goes on with the length of
 * its text (u16), DATA with flags (u16). All in network byte order.
 */
const Place = { LENGTH: 0, CHECKSUM: 2, TYPE: 4, HEADER_CHECKSUM: 6, TEXT_LENGTH: 8, TEXT: 10 } as const;
const Type = { REDIRECT: 5, DATA: 6 } as const;

/** The longest packet that is looked at, in bytes; a redirection has some hundred. */
const PACKET_MAX = 2048;

const ADDRESS = /HOST= *([0-9a-f.:]{2,45}) *\) *\(PORT= *(\d{1,5}) *\)/i;

interface TnsState {
  /** True behind a REDIRECT without text: its text comes in the next packet. */
  textFollows: boolean;
}

interface Redirection {
  readonly address: string;
  readonly port: number;
  /** Where its text from the address to behind the port stands in the payload. */
  readonly start: number;
  readonly end: number;
}

/** Oracle's listener, which sends a client to another port. */
export const tns: HelperProtocol<TnsState> = {
  name: 'tns',
  transport: 'tcp',
  privateBytes: 1,
  newState: () => ({ textFollows: false }),
  inspect({ payload, direction, isEstablished }, flow, state) {
    if (!isEstablished || direction === 'original' || payload.length === 0) return ACCEPT;
    const { textFollows } = state;
    state.textFollows = false;
    const end = payload.length < Place.TEXT ? 0 : readU16(payload, Place.LENGTH);
    if (end < Place.TEXT || end > payload.length || end > PACKET_MAX) return ACCEPT;
    const type = payload[Place.TYPE];
    if (type === Type.REDIRECT && readU16(payload, Place.TEXT_LENGTH) === 0) {
      state.textFollows = true;
      return ACCEPT;
    }
    if (type !== Type.REDIRECT && !(type === Type.DATA && textFollows)) return ACCEPT;
    const redirection = findRedirection(payload, end, flow.original.family);
    if (redirection === undefined) return ACCEPT;
    return { verdict: 'accept', expected: [expectedFlow(payload, flow, redirection)] };
  },
};

/** (ADDRESS=(PROTOCOL=tcp)(HOST=192.0.2.1)(PORT=1521)) */
function findRedirection(payload: Uint8Array, end: number, family: Family): Redirection | undefined {
  const match = ADDRESS.exec(payloadText(payload.subarray(Place.TEXT), end - Place.TEXT));
  if (match === null) return undefined;
  const address = canonicalAddress(match[1]!, family);
  const port = Number(match[2]);
  if (address === undefined || !isPort(port)) return undefined;
  const start = Place.TEXT + match.index + match[0].indexOf(match[1]!);
  return { address, port, start, end: Place.TEXT + match.index + match[0].length };
}

/** The server may send the client to another machine, of whose translation the flow tells nothing. */
function expectedFlow(payload: Uint8Array, flow: InspectedFlow, redirection: Redirection): ExpectedFlow {
  const { source, destination } = flow.original;
  const { address, port } = redirection;
  const ends = { source, protocol: Protocol.TCP, destinationPort: port };
  const isTranslated = (flow.status & (Status.SRC_NAT | Status.DST_NAT)) !== 0;
  if (!isTranslated || address !== flow.reply.source) {
    return { expectation: expectation(flow, { ...ends, destination: address }) };
  }
  return translatedFlow(flow, { ...ends, destination }, ORIGINAL, (reserved) =>
    rewrite(payload, redirection, `${destination})(PORT=${reserved})`),
  );
}

/** Everything up to the end of the address is one rewrite, because the lengths in the header change with it. */
function rewrite(payload: Uint8Array, { start, end }: Redirection, text: string): PayloadRewrite {
  const replacement = new Uint8Array(start + text.length);
  replacement.set(payload.subarray(0, start));
  replacement.set(asciiBytes(text), start);
  const growth = replacement.length - end;
  if (growth !== 0) {
    writeU16(replacement, Place.LENGTH, readU16(payload, Place.LENGTH) + growth);
    // 0 stands for no checksum.
    writeU16(replacement, Place.CHECKSUM, 0);
    writeU16(replacement, Place.HEADER_CHECKSUM, 0);
    if (payload[Place.TYPE] === Type.REDIRECT) {
      writeU16(replacement, Place.TEXT_LENGTH, readU16(payload, Place.TEXT_LENGTH) + growth);
    }
  }
  return { offset: 0, length: end, replacement };
}
