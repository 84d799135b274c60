import { readU16 } from '../../../src/bytes/integers.ts';
import { Protocol } from '../../../src/flow/protocol.ts';
import { NAT_MASK, Status } from '../../../src/flow/status.ts';
import type { HelperProtocol, InspectedFlow, InspectedPacket } from '../../../src/helper/protocol.ts';
import { PROTOCOLS } from '../../../src/helper/protocols.ts';
import { ensure, GuardedInput, type Target } from '../target.ts';

/** Bits of a piece's argument. */
const REPLY = 1;
const TRANSLATED = 2;
const IPV6 = 4;
const HEADER = 4;
/** Packets of an input that are taken. */
const PACKETS_MAX = 64;

const CLIENT = ['10.0.0.1', 'fd00::1'] as const;
const SERVER = ['192.0.2.1', '2001:db8::1'] as const;
const PUBLIC = ['203.0.113.1', '2001:db8::99'] as const;

/** TNS may send a client to any machine; the others know only the ends of the flow. */
const NAMES_OTHERS = 'tns';

/** Packets of one flow to one helper: pieces whose first kind names the helper, with the direction as their argument. */
export class HelperTarget implements Target {
  readonly name = 'helper';
  readonly grammar = 'pieces';
  readonly weight = 20;
  private readonly input = new GuardedInput();

  seeds(): readonly Uint8Array[] {
    return PROTOCOLS.flatMap(({ name, transport }, n) =>
      (TRANSCRIPTS[`${name}/${transport}`] ?? []).flatMap((packets) =>
        [0, TRANSLATED].map((bits) => inputOf(n, bits, packets)),
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
  const state = protocol.newState();
  const seen: string[] = [];
  let sequence = 0;
  for (let at = 0; input.length - at >= HEADER && seen.length < PACKETS_MAX; ) {
    const end = Math.min(input.length, at + HEADER + readU16(input, at + 2));
    const payload = input.subarray(at + HEADER, end);
    const direction = (input[at + 1]! & REPLY) === 0 ? 'original' : 'reply';
    const tcp = protocol.transport === 'tcp' ? { tcp: { sequence, flags: 16 } } : {};
    const packet: InspectedPacket = { payload, direction, isEstablished: true, ...tcp };
    seen.push(inspectOne(protocol, flow, packet, state));
    sequence = (sequence + payload.length) >>> 0;
    at = end;
  }
  return seen.join('\n');
}

function inspectOne(
  protocol: HelperProtocol,
  flow: InspectedFlow,
  packet: InspectedPacket,
  state: unknown,
): string {
  const { name } = protocol;
  const { verdict, expected, timeout } = protocol.inspect(packet, flow, state);
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
    ensure([...addresses, any].includes(source), () => `${name} expects a flow from ${source}`);
    ensure(
      name === NAMES_OTHERS || addresses.includes(destination),
      () => `${name} expects a flow to ${destination}, which is no end of its own`,
    );
    if (nat === undefined) continue;
    ensure((flow.status & NAT_MASK) !== 0, () => `${name} rewrites a packet that is not translated`);
    const { offset, length } = nat.rewrite(65_535);
    ensure(offset >= at && length >= 0, () => `${name} rewrites the same bytes twice`);
    at = offset + length;
    ensure(at <= packet.payload.length, () => `${name} rewrites behind the end of the packet`);
  }
  return JSON.stringify([verdict, timeout, expected]);
}

function flowOf({ name, transport, families }: HelperProtocol, bits: number): InspectedFlow {
  const family = families.length === 2 ? ((bits & IPV6) === 0 ? 4 : 6) : families[0]!;
  const n = family === 4 ? 0 : 1;
  const multicast = name === 'dhcpv6' ? 'ff02::1:2' : family === 4 ? '239.255.255.250' : 'ff02::c';
  const isMulticast = name === 'dhcpv6' || (name === 'ssdp' && transport === 'udp' && (bits & REPLY) === 0);
  const source = CLIENT[n]!;
  const destination = isMulticast ? multicast : SERVER[n]!;
  const isTranslated = (bits & TRANSLATED) !== 0;
  const ends = { family, protocol: transport === 'tcp' ? Protocol.TCP : Protocol.UDP } as const;
  return {
    original: { ...ends, source, destination, ports: { source: 40_000, destination: 700 } },
    reply: {
      ...ends,
      source: destination,
      destination: isTranslated ? PUBLIC[n]! : source,
      ports: { source: 700, destination: 40_000 },
    },
    status: Status.CONFIRMED | Status.SEEN_REPLY | (isTranslated ? Status.SRC_NAT : 0),
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
    [[0, 'NOTIFY /cb HTTP/1.1\r\n\r\n']],
  ],
  'ssdp/udp': [
    [[0, 'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\n\r\n']],
    [[REPLY, 'HTTP/1.1 200 OK\r\nLOCATION: http://192.0.2.1:8080/d.xml\r\n\r\n']],
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

function inputOf(helper: number, bits: number, packets: readonly Line[]): Uint8Array {
  const pieces = packets.map(([direction, payload]) =>
    Buffer.concat([
      Uint8Array.of(helper, direction | bits, payload.length >> 8, payload.length & 255),
      Buffer.from(payload, 'latin1'),
    ]),
  );
  return Uint8Array.from(Buffer.concat(pieces));
}
