import { readU16 } from '../../../src/bytes/integers.ts';
import { Protocol } from '../../../src/flow/protocol.ts';
import { NAT_MASK, Status } from '../../../src/flow/status.ts';
import type { Tuple } from '../../../src/flow/tuple.ts';
import type { HelperProtocol, InspectedFlow, Inspection } from '../../../src/helper/protocol.ts';
import { PROTOCOLS } from '../../../src/helper/protocols.ts';
import { ensure, GuardedInput, type Target } from '../target.ts';

/** Bits of a piece's argument. */
const REPLY = 1;
const SOURCE_TRANSLATED = 2;
const IPV6 = 4;
const DESTINATION_TRANSLATED = 8;
const TRANSLATIONS = [
  0,
  SOURCE_TRANSLATED,
  DESTINATION_TRANSLATED,
  SOURCE_TRANSLATED | DESTINATION_TRANSLATED,
] as const;
const HEADER = 4;
/** Packets of an input that are taken. */
const PACKETS_MAX = 64;

const CLIENT = ['10.0.0.1', 'fd00::1'] as const;
const SERVER = ['192.0.2.1', '2001:db8::1'] as const;
/** As what the server knows the client where it is translated, and the client the server. */
const PUBLIC = ['203.0.113.1', '2001:db8::99'] as const;
const VIRTUAL = ['198.51.100.1', '2001:db8::77'] as const;

/** TNS may send a client to any machine; the others know only the ends of the flow. */
const NAMES_OTHERS = 'tns';
/** The one that IPv4 does not have. */
const OF_IPV6 = 'dhcpv6';
/** Those in which anyone may answer. */
const FROM_ANYONE: ReadonlySet<string> = new Set(['dhcpv6', 'mdns', 'slp', 'ssdp']);
/** Bytes of a packet that no rewrite makes too long to be read again. */
const SHORT = 200;

/** Packets of one flow to one helper: pieces whose first kind names the helper, with the direction as their argument. */
export class HelperTarget implements Target {
  readonly name = 'helper';
  readonly grammar = 'pieces';
  readonly weight = 20;
  private readonly input = new GuardedInput();

  seeds(): readonly Uint8Array[] {
    return PROTOCOLS.flatMap(({ name, transport }, n) =>
      (TRANSCRIPTS[`${name}/${transport}`] ?? []).flatMap((packets) =>
        TRANSLATIONS.map((bits) => inputOf(n, bits | familyBit(name, packets), packets)),
      ),
    );
  }

  run(input: Uint8Array, length: number): number {
    if (length < HEADER) return 0;
    const protocol = PROTOCOLS[input[0]! % PROTOCOLS.length]!;
    const flow = flowOf(protocol, input[1]!);
    this.input.place(input, length);
    const [first, second] = this.input.memories.map((memory) =>
      inspectAll(protocol, flow, memory.subarray(this.input.start, this.input.end)),
    );
    ensure(first === second, () => `${protocol.name} reads outside of a packet`);
    return 1;
  }
}

function inspectAll(protocol: HelperProtocol, flow: InspectedFlow, input: Uint8Array): string {
  const inside = new Side(protocol, flow);
  const outside = {
    original: new Side(protocol, seenFrom(flow, 'server')),
    reply: new Side(protocol, seenFrom(flow, 'client')),
  };
  const seen: string[] = [];
  for (let at = 0; input.length - at >= HEADER && seen.length < PACKETS_MAX; ) {
    const end = Math.min(input.length, at + HEADER + readU16(input, at + 2));
    const payload = input.subarray(at + HEADER, end);
    const direction = (input[at + 1]! & REPLY) === 0 ? 'original' : 'reply';
    const inspection = inside.inspect(payload, direction);
    checkInspection(protocol.name, flow, payload, inspection);
    seen.push(JSON.stringify(inspection));
    const rewritten = rewrite(payload, inspection);
    // Both ends hear what the other says as it is: only the receiver of a rewritten packet is looked at.
    const heard = outside[direction].inspect(rewritten, direction);
    outside[direction === 'original' ? 'reply' : 'original'].inspect(payload, direction);
    if (payload.length <= SHORT) checkReceived(protocol.name, inspection, heard);
    at = end;
  }
  return seen.join('\n');
}

/** A flow where it is known under certain addresses, and the helper's state of it. */
class Side {
  private readonly protocol: HelperProtocol;
  private readonly flow: InspectedFlow;
  private readonly state: unknown;
  private readonly sequences = { original: 0, reply: 0 };

  constructor(protocol: HelperProtocol, flow: InspectedFlow) {
    this.protocol = protocol;
    this.flow = flow;
    this.state = protocol.newState();
  }

  inspect(payload: Uint8Array, direction: 'original' | 'reply'): Inspection {
    const sequence = this.sequences[direction];
    this.sequences[direction] = (sequence + payload.length) >>> 0;
    const tcp = this.protocol.transport === 'tcp' ? { tcp: { sequence, flags: 16 } } : {};
    return this.protocol.inspect({ payload, direction, isEstablished: true, ...tcp }, this.flow, this.state);
  }
}

/** The flow as one of its ends knows it, where nothing is translated. */
function seenFrom({ original, reply, status }: InspectedFlow, end: 'client' | 'server'): InspectedFlow {
  const back = ({ source, destination, ports, ...more }: Tuple): Tuple => ({
    ...more,
    source: destination,
    destination: source,
    ports: { source: ports!.destination, destination: ports!.source },
  });
  const known = end === 'client' ? original : back(reply);
  return { original: known, reply: back(known), status: status & ~NAT_MASK };
}

/** The port that is reserved instead of another. */
const reserved = (port: number) => (port % 65_000) + 1;

function rewrite(payload: Uint8Array, { expected }: Inspection): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { nat } of expected) {
    if (nat === undefined) continue;
    const { offset, length, replacement } = nat.rewrite(reserved(nat.firstPort));
    parts.push(payload.subarray(at, offset), replacement);
    at = offset + length;
  }
  return parts.length === 0 ? payload : Buffer.concat([...parts, payload.subarray(at)]);
}

/** What the receiver of a rewritten packet is told is where the kernel expects the flow. */
function checkReceived(name: string, { expected }: Inspection, heard: Inspection): void {
  for (const [n, { nat }] of expected.entries()) {
    if (nat === undefined) continue;
    const { destination, ports } = nat.expectation(reserved(nat.firstPort)).expected;
    const told = heard.expected[n]?.expectation.expected;
    ensure(
      told?.destination === destination && told.ports?.destination === ports!.destination,
      () =>
        `${name} expects a flow to ${destination}:${ports!.destination}, and says ${told?.destination}:${told?.ports?.destination}`,
    );
  }
}

function checkInspection(
  name: string,
  flow: InspectedFlow,
  payload: Uint8Array,
  { verdict, expected }: Inspection,
): void {
  ensure(
    verdict === 'accept' || expected.length === 0,
    () => `${name} expects something of a dropped packet`,
  );
  const addresses = [flow.original, flow.reply].flatMap(({ source, destination }) => [source, destination]);
  const any = flow.original.family === 4 ? '0.0.0.0' : '::';
  let at = 0;
  for (const { expectation, nat } of expected) {
    const { source, destination, ports } = expectation.expected;
    const port = ports!.destination;
    ensure(port > 0 && port < 65_536, () => `${name} expects a flow to port ${port}`);
    ensure(
      addresses.includes(source) || (source === any && FROM_ANYONE.has(name)),
      () => `${name} expects a flow from ${source}`,
    );
    ensure(
      addresses.includes(destination) || (name === NAMES_OTHERS && isOfFamily(destination, flow)),
      () => `${name} expects a flow to ${destination}, which is no end of its own`,
    );
    if (nat === undefined) continue;
    ensure((flow.status & NAT_MASK) !== 0, () => `${name} rewrites a packet that is not translated`);
    const { offset, length } = nat.rewrite(65_535);
    ensure(offset >= at && length >= 0, () => `${name} rewrites the same bytes twice`);
    at = offset + length;
    ensure(at <= payload.length, () => `${name} rewrites behind the end of the packet`);
  }
}

function isOfFamily(address: string, { original }: InspectedFlow): boolean {
  return address.includes(':') === (original.family === 6);
}

function flowOf({ name, transport }: HelperProtocol, bits: number): InspectedFlow {
  const family = (bits & IPV6) === 0 ? 4 : 6;
  const n = family === 4 ? 0 : 1;
  const ends = { family, protocol: transport === 'tcp' ? Protocol.TCP : Protocol.UDP } as const;
  const group = name === 'dhcpv6' ? 'ff02::1:2' : 'ff02::c';
  const multicast = family === 4 ? '239.255.255.250' : group;
  const isMulticast = name === 'dhcpv6' || (name === 'ssdp' && transport === 'udp' && (bits & REPLY) === 0);
  const sourceStatus = (bits & SOURCE_TRANSLATED) === 0 ? 0 : Status.SRC_NAT;
  const destinationStatus = (bits & DESTINATION_TRANSLATED) === 0 || isMulticast ? 0 : Status.DST_NAT;
  const server = isMulticast ? multicast : SERVER[n]!;
  return {
    original: {
      ...ends,
      source: CLIENT[n]!,
      destination: destinationStatus === 0 ? server : VIRTUAL[n]!,
      ports: { source: 40_000, destination: 700 },
    },
    reply: {
      ...ends,
      source: server,
      destination: sourceStatus === 0 ? CLIENT[n]! : PUBLIC[n]!,
      ports: { source: 700, destination: 40_000 },
    },
    status: Status.CONFIRMED | Status.SEEN_REPLY | sourceStatus | destinationStatus,
  };
}

/** A packet's direction and its payload, as latin1. */
type Line = readonly [direction: 0 | typeof REPLY, payload: string];

const GETPORT =
  '\0\0\0\x07\0\0\0\0\0\0\0\x02\0\x01\x86\xa0\0\0\0\x02\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x86\xa3\0\0\0\x03\0\0\0\x11\0\0\0\0';
const PORT = '\0\0\0\x07\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\x01';
const ADDRESS = '(ADDRESS=(PROTOCOL=tcp)(HOST=192.0.2.1)(PORT=1600))';

/** What is said in one flow of each helper. */
const TRANSCRIPTS: Readonly<Record<string, readonly (readonly Line[])[]>> = {
  'amanda/udp': [[[REPLY, 'CONNECT DATA 11007 MESG 11008 INDEX 11009\n']]],
  'dhcpv6/udp': [[[0, '\x01\0\0\x01']]],
  'ftp/tcp': [
    [[0, 'PORT 10,0,0,1,156,65\r\n']],
    [[0, 'EPRT |1|10.0.0.1|40001|\r\n']],
    [[0, 'EPRT |2|fd00::1|40001|\r\n']],
    [
      [REPLY, '220 ok\r\n'],
      [0, 'EPSV\r\n'],
      [REPLY, '229 2001:db8::1 (|||40001|)\r\n'],
    ],
    [[REPLY, '227 ok (192,0,2,1,156,65)\r\n']],
    [[REPLY, '229 ok (|||40001|)\r\n']],
  ],
  'mdns/udp': [[[0, '\0\0\0\0\0\x01\0\0\0\0\0\0']]],
  'rpc/tcp': [
    [
      [0, `\x80\0\0\x38${GETPORT}`],
      [REPLY, `\x80\0\0\x1c${PORT}`],
    ],
  ],
  'rpc/udp': [
    [
      [0, GETPORT],
      [REPLY, PORT],
    ],
  ],
  'sane/tcp': [
    [
      [0, '\0\0\0\x07\0\0\0\x01'],
      [REPLY, '\0\0\0\0\0\0\xaf\xc8'],
    ],
  ],
  'slp/udp': [[[0, '\x02\x01\0\0']]],
  'ssdp/tcp': [
    [[0, 'SUBSCRIBE /e HTTP/1.1\r\nCALLBACK: <http://10.0.0.1:5000/cb>\r\n\r\n']],
    [[0, 'SUBSCRIBE /e HTTP/1.1\r\nCALLBACK: <http://[fd00::1]:5000/cb>\r\n\r\n']],
    [[0, 'NOTIFY /cb HTTP/1.1\r\n\r\n']],
  ],
  'ssdp/udp': [
    [[0, 'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\n\r\n']],
    [[REPLY, 'HTTP/1.1 200 OK\r\nLOCATION: http://192.0.2.1:8080/d.xml\r\n\r\n']],
    [[REPLY, 'HTTP/1.1 200 OK\r\nLOCATION: http://[2001:db8::1]:8080/d.xml\r\n\r\n']],
  ],
  'tftp/udp': [[[0, '\0\x01boot.img\0octet\0']]],
  'tns/tcp': [
    [[REPLY, `\0${String.fromCharCode(10 + ADDRESS.length)}\0\0\x05\0\0\0\0\x33${ADDRESS}`]],
    [
      [REPLY, '\0\x0a\0\0\x05\0\0\0\0\0'],
      [REPLY, `\0${String.fromCharCode(10 + ADDRESS.length)}\0\0\x06\0\0\0\0\0${ADDRESS}`],
    ],
  ],
};

/** The family of the addresses that a transcript names. */
function familyBit(name: string, packets: readonly Line[]): number {
  return name === OF_IPV6 || packets.some(([, payload]) => /fd00::|2001:db8::/.test(payload)) ? IPV6 : 0;
}

function inputOf(helper: number, bits: number, packets: readonly Line[]): Uint8Array {
  const pieces = packets.map(([direction, payload]) =>
    Buffer.concat([
      Uint8Array.of(helper, direction | bits, payload.length >> 8, payload.length & 255),
      Buffer.from(payload, 'latin1'),
    ]),
  );
  return Uint8Array.from(Buffer.concat(pieces));
}
