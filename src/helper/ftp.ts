import type { Family } from '../flow/address.ts';
import { Protocol } from '../flow/protocol.ts';
import { Status } from '../flow/status.ts';
import {
  ACCEPT,
  backwardTuple,
  canonicalAddress,
  expectation,
  forwardTuple,
  isPort,
  ORIGINAL,
  REPLY,
  translatedFlow,
} from './expected-flow.ts';
import { LineStarts } from './line-starts.ts';
import type { ExpectedFlow, HelperProtocol, InspectedFlow, InspectedPacket } from './protocol.ts';
import { asciiBytes, payloadText } from './text.ts';

/** Bytes of a line that are looked at; the longest announcement is shorter. */
const LINE_MAX = 256;
const NEWLINE = 10;
const TCP_SYN = 2;

interface FtpState {
  readonly original: LineStarts;
  readonly reply: LineStarts;
}

/** Where the sender awaits a data connection. */
interface Announcement {
  /** Offset and length in bytes of the text with address and port. */
  readonly offset: number;
  readonly length: number;
  /** Undefined where it names none and means the sender's. */
  readonly address: string | undefined;
  readonly port: number;
  /** The same text with another address and port. */
  readonly write: (address: string, port: number) => string;
}

/** FTP's data connections: PORT and PASV of RFC 959, EPRT and EPSV of RFC 2428. */
export const ftp: HelperProtocol<FtpState> = {
  name: 'ftp',
  transport: 'tcp',
  privateBytes: 24,
  newState: () => ({ original: new LineStarts(), reply: new LineStarts() }),
  inspect(packet, flow, state) {
    const { payload, tcp } = packet;
    if (tcp === undefined) return ACCEPT;
    const lineStarts = state[packet.direction];
    if ((tcp.flags & TCP_SYN) !== 0) {
      // A SYN takes one sequence number, RFC 9293 3.4; what follows is the first line.
      lineStarts.add((tcp.sequence + 1) >>> 0);
      return ACCEPT;
    }
    if (!packet.isEstablished || payload.length === 0) return ACCEPT;
    // The first segment of a connection that was taken over counts as a line's beginning, as with the kernel's own helper.
    if (lineStarts.isEmpty) lineStarts.add(tcp.sequence);
    const beginsLine = lineStarts.includes(tcp.sequence);
    if (payload[payload.length - 1] === NEWLINE) lineStarts.add((tcp.sequence + payload.length) >>> 0);
    if (!beginsLine) return ACCEPT;
    const announcement = findAnnouncement(packet, flow.original.family);
    const expected = announcement && expectedFlow(packet, flow, announcement);
    return expected === undefined ? ACCEPT : { verdict: 'accept', expected: [expected] };
  },
};

function findAnnouncement(packet: InspectedPacket, family: Family): Announcement | undefined {
  const line = payloadText(packet.payload, LINE_MAX);
  if (packet.direction === 'reply') {
    // RFC 1123 4.1.2.6: the text around the numbers varies, so a client must look for the first digit.
    return commaNumbers(line, /^227 [^\d\r\n]*/, family) ?? extendedPassive(line);
  }
  // RFC 959 5.3: commands in upper or lower case.
  return commaNumbers(line, /^PORT +/i, family) ?? extendedPort(line, family);
}

/** RFC 959 4.1.2, PORT: h1,h2,h3,h4,p1,p2. RFC 959 4.2.1, 227: the same. */
function commaNumbers(line: string, prefix: RegExp, family: Family): Announcement | undefined {
  if (family !== 4) return undefined;
  const offset = prefix.exec(line)?.[0].length;
  if (offset === undefined) return undefined;
  const text = /^\d{1,3}(?:,\d{1,3}){5}(?=[^\d,])/.exec(line.slice(offset))?.[0];
  const numbers = text?.split(',').map(Number);
  if (text === undefined || numbers === undefined || numbers.some((number) => number > 255)) return undefined;
  const port = numbers[4]! * 256 + numbers[5]!;
  if (!isPort(port)) return undefined;
  return {
    offset,
    length: text.length,
    address: numbers.slice(0, 4).join('.'),
    port,
    write: (address, to) => `${address.replaceAll('.', ',')},${to >> 8},${to & 255}`,
  };
}

/** RFC 2428 2: EPRT |family|address|port|, with any delimiter from 33 to 126. A digit could not be told from the port's. */
function extendedPort(line: string, family: Family): Announcement | undefined {
  const match = /^(EPRT +)(([!-/:-~])([12])\3([0-9a-f.:]{2,45})\3([0-9]{1,5})\3)[\r\n]/i.exec(line);
  if (match === null) return undefined;
  const [, command, text, , number, addressText, digits] = match;
  const address = canonicalAddress(addressText!, family);
  const port = Number(digits);
  if (number !== (family === 4 ? '1' : '2') || address === undefined || !isPort(port)) return undefined;
  return {
    offset: command!.length,
    length: text!.length,
    address,
    port,
    // RFC 2428 2 recommends this delimiter; another may be a part of the new address.
    write: (to, toPort) => ['', number, to, toPort, ''].join('|'),
  };
}

/** RFC 2428 3: 229 text (|||port|). */
function extendedPassive(line: string): Announcement | undefined {
  const match = /^(229 [^\r\n(]*\()(([!-/:-~])\3\3([0-9]{1,5})\3)\)/.exec(line);
  if (match === null) return undefined;
  const [, prefix, text, delimiter, digits] = match;
  const port = Number(digits);
  if (!isPort(port)) return undefined;
  return {
    offset: prefix!.length,
    length: text!.length,
    address: undefined,
    port,
    write: (_, to) => ['', '', '', to, ''].join(delimiter),
  };
}

/**
 * Undefined where a sender names another machine's address: that would open the filter for a machine that did not ask
 * (RFC 2577 3, the bounce attack).
 */
function expectedFlow(
  packet: InspectedPacket,
  flow: InspectedFlow,
  { offset, length, address, port, write }: Announcement,
): ExpectedFlow | undefined {
  if (address !== undefined && address !== forwardTuple(packet, flow).source) return undefined;
  const { source, destination } = backwardTuple(packet, flow);
  const ends = { source, destination, protocol: Protocol.TCP, destinationPort: port };
  if ((flow.status & (Status.SRC_NAT | Status.DST_NAT)) === 0)
    return { expectation: expectation(flow, ends) };
  return translatedFlow(flow, ends, packet.direction === 'original' ? REPLY : ORIGINAL, (reserved) => ({
    offset,
    length,
    replacement: asciiBytes(write(destination, reserved)),
  }));
}
