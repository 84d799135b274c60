import type { Family } from '../flow/address.ts';
import { Protocol } from '../flow/protocol.ts';
import { Status } from '../flow/status.ts';
import {
  ACCEPT,
  backwardTuple,
  canonicalAddress,
  expectation,
  followingMaster,
  forwardTuple,
  isPort,
  ORIGINAL,
  REPLY,
  translatedFlow,
} from './expected-flow.ts';
import type { ExpectedFlow, HelperProtocol, InspectedFlow, InspectedPacket, Inspection } from './protocol.ts';
import { asciiBytes, payloadText } from './text.ts';

/** Bytes of a message that are looked at. */
const HEADERS_MAX = 4096;
const HTTP_PORT = 80;
/** UPnP Device Architecture 1.1, 1.1 and annex A.2: link-local and site-local. */
const GROUPS: readonly string[] = ['239.255.255.250', 'ff02::c', 'ff05::c'];
const HELPER = 'ssdp';

/** Of the authority of a URL: what it names, and where in the URL. */
interface Authority {
  readonly address: string;
  readonly port: number;
  readonly offset: number;
  readonly length: number;
}

function inspectUdp(packet: InspectedPacket, flow: InspectedFlow): Inspection {
  const text = payloadText(packet.payload, HEADERS_MAX);
  if (text.startsWith('M-SEARCH ')) return answerOf(search(packet, flow));
  if (text.startsWith('HTTP/1.')) return answerOf(description(packet, flow, text));
  return ACCEPT;
}

function inspectTcp(packet: InspectedPacket, flow: InspectedFlow): Inspection {
  if (!packet.isEstablished || packet.direction === 'reply') return ACCEPT;
  const text = payloadText(packet.payload, HEADERS_MAX);
  if (text.startsWith('NOTIFY ')) return answerOf(nextEvent(flow));
  if (text.startsWith('SUBSCRIBE ')) return answerOf(callback(packet, flow, text));
  return ACCEPT;
}

function answerOf(expected: ExpectedFlow | undefined): Inspection {
  return expected === undefined ? ACCEPT : { verdict: 'accept', expected: [expected] };
}

/** UPnP Device Architecture 1.1, 1.3.2: devices answer a search from addresses of their own. */
function search({ direction }: InspectedPacket, flow: InspectedFlow): ExpectedFlow | undefined {
  const { original, reply, status } = flow;
  if (direction === 'reply' || !GROUPS.includes(original.destination)) return undefined;
  if (original.ports === undefined || reply.ports === undefined) return undefined;
  const ends = {
    source: undefined,
    destination: reply.destination,
    protocol: Protocol.UDP,
    destinationPort: reply.ports.destination,
  };
  const plain = expectation(flow, ends, { isPermanent: true, helper: HELPER });
  if ((status & Status.SRC_NAT) === 0) return { expectation: plain };
  return { expectation: followingMaster(plain, REPLY, original.ports.source) };
}

/** UPnP Device Architecture 1.1, 1.3.3: LOCATION is where the device's description is to be fetched. */
function description(packet: InspectedPacket, flow: InspectedFlow, text: string): ExpectedFlow | undefined {
  const url = /^LOCATION:[ \t]*(\S{1,255})[ \t]*\r?$/im.exec(text)?.[1];
  const device = forwardTuple(packet, flow);
  const authority = url === undefined ? undefined : authorityOf(url, device.family);
  // Whoever answers could open the filter for any machine otherwise.
  if (authority?.address !== device.source) return undefined;
  const ends = {
    source: undefined,
    destination: authority.address,
    protocol: Protocol.TCP,
    destinationPort: authority.port,
  };
  return { expectation: expectation(flow, ends, { isPermanent: true, helper: HELPER }) };
}

/** UPnP Device Architecture 1.1, 4.1.2: CALLBACK is where the subscriber awaits events. */
function callback(packet: InspectedPacket, flow: InspectedFlow, text: string): ExpectedFlow | undefined {
  const header = /^CALLBACK:[ \t]*<([^>\r\n]{1,255})>/im.exec(text);
  const subscriber = forwardTuple(packet, flow);
  const authority = header === null ? undefined : authorityOf(header[1]!, subscriber.family);
  if (header === null || authority?.address !== subscriber.source) return undefined;
  const { source, destination, family } = backwardTuple(packet, flow);
  const ends = { source, destination, protocol: Protocol.TCP, destinationPort: authority.port };
  const traits = { helper: HELPER };
  if ((flow.status & Status.SRC_NAT) === 0) return { expectation: expectation(flow, ends, traits) };
  const offset = header.index + header[0].indexOf('<') + 1 + authority.offset;
  const host = family === 6 ? `[${destination}]` : destination;
  const rewrite = (reserved: number) => ({
    offset,
    length: authority.length,
    replacement: asciiBytes(`${host}:${reserved}`),
  });
  return translatedFlow(flow, ends, REPLY, rewrite, traits);
}

/** UPnP Device Architecture 1.1, 4.3.2: each event may come on a connection of its own. */
function nextEvent(flow: InspectedFlow): ExpectedFlow | undefined {
  const { original, reply, status } = flow;
  if (original.ports === undefined || reply.ports === undefined) return undefined;
  const { source, destination, ports } = original;
  const ends = { source, destination, protocol: Protocol.TCP, destinationPort: ports.destination };
  const plain = expectation(flow, ends, { helper: HELPER });
  if ((status & Status.DST_NAT) === 0) return { expectation: plain };
  return { expectation: followingMaster(plain, ORIGINAL, reply.ports.source) };
}

/** RFC 3986 3.2; undefined for a URL that has a name instead of an address, or an address of the other family. */
function authorityOf(url: string, family: Family): Authority | undefined {
  const match = /^http:\/\/(?:\[([0-9a-f:.]{2,45})\]|([0-9.]{7,15}))(?::(\d{1,5}))?(?=[/?#]|$)/i.exec(url);
  if (match === null) return undefined;
  const [whole, ipv6, ipv4, digits] = match;
  const address = canonicalAddress((ipv6 ?? ipv4)!, family);
  const port = digits === undefined ? HTTP_PORT : Number(digits);
  if (address === undefined || !isPort(port)) return undefined;
  const offset = 'http://'.length;
  return { address, port, offset, length: whole.length - offset };
}

function helper(transport: 'tcp' | 'udp'): HelperProtocol<undefined> {
  return {
    name: HELPER,
    transport,
    privateBytes: 0,
    newState: () => undefined,
    inspect: transport === 'udp' ? inspectUdp : inspectTcp,
  };
}

/** UPnP: searches and their answers over UDP, subscriptions and events over TCP. */
export const ssdpUdp = helper('udp');
export const ssdpTcp = helper('tcp');
