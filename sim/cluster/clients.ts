import { writeNativeU16 } from '../../src/bytes/endian.ts';
import { writeU16 } from '../../src/bytes/integers.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Attr, TLV_HEADER } from '../../src/wire/attribute.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { findAttribute } from '../../src/wire/record.ts';

/** Identifies a connection among those of its kind. */
export interface Endpoints {
  /** 1 to {@link CLIENTS} */
  readonly client: number;
  /** 1 to {@link SERVERS} */
  readonly server: number;
  /** 0 to below {@link PORTS}. */
  readonly port: number;
}

export const CLIENTS = 20;
export const SERVERS = 5;
export const PORTS = 200;

/** The first port that clients use. */
const FIRST_PORT = 10_000;
/** The first port that source NAT gives. */
const FIRST_NAT_PORT = 20_000;

/** One kind of connection: the record of its first packet, in which only the ends differ. */
export class Template {
  readonly isTcp: boolean;
  readonly record: Uint8Array;
  private readonly addresses: number;
  private readonly destination: number;
  private readonly ports: number;
  private readonly natPort: number;
  private readonly icmpId: number;

  constructor(flow: Flow) {
    this.isTcp = flow.original.protocol === Protocol.TCP;
    this.record = encodeFlow(flow);
    const of = (type: number) => {
      const at = findAttribute(this.record, 0, this.record.length, type);
      return at < 0 ? -1 : at + TLV_HEADER;
    };
    const isIPv6 = flow.original.family === 6;
    this.addresses = of(isIPv6 ? Attr.IPV6 : Attr.IPV4) + (isIPv6 ? 15 : 3);
    this.destination = this.addresses + (isIPv6 ? 16 : 4);
    this.ports = of(Attr.PORT);
    this.natPort = of(Attr.SPAT_PORT);
    this.icmpId = of(Attr.ICMP_ID);
  }

  /** The record for these ends, valid until the next call. */
  with({ client, server, port }: Endpoints): Uint8Array {
    const { record } = this;
    record[this.addresses] = client;
    record[this.destination] = server;
    if (this.ports >= 0) writeU16(record, this.ports, FIRST_PORT + port);
    if (this.icmpId >= 0) writeNativeU16(record, this.icmpId, port);
    // No two clients are given the same port.
    if (this.natPort >= 0)
      writeNativeU16(record, this.natPort, FIRST_NAT_PORT + (client * SERVERS + server - 1) * PORTS + port);
    return record;
  }
}

const SYN_SENT = 1;

export interface Templates {
  readonly common: readonly Template[];
  readonly ftp: Template;
  /** Kinds whose connections have the same tuple: one may begin after another has ended. */
  alike(template: Template): readonly Template[];
}

/** The kinds of connections that a host's clients make. Those of different hosts share no address. */
export function templatesOf(host: number): Templates {
  const original = { family: 4, source: `10.${host}.0.1`, destination: '198.51.100.1' } as const;
  const ports = { source: 1, destination: 80 };
  const ipv6 = { family: 6, source: `2001:db8:${host}::1`, destination: '2001:db8:ffff::1', ports } as const;
  const sourceNat = { address: `203.0.113.${host + 1}`, port: 1 };
  const tcp: Flow = { original: { ...original, protocol: Protocol.TCP, ports }, tcp: { state: SYN_SENT } };
  const udp: Flow = {
    original: { ...original, protocol: Protocol.UDP, ports: { ...ports, destination: 53 } },
  };
  const common: readonly Flow[] = [
    tcp,
    { ...tcp, sourceNat },
    { ...tcp, original: { ...tcp.original, ports: { ...ports, destination: 443 } }, mark: 7 },
    udp,
    { ...udp, original: { ...udp.original, ports: { ...ports, destination: 123 } }, sourceNat },
    { original: { ...original, protocol: Protocol.ICMP, icmp: { type: 8, code: 0, id: 1 } } },
    { original: { ...ipv6, protocol: Protocol.TCP }, tcp: { state: SYN_SENT } },
    { original: { ...ipv6, protocol: Protocol.UDP }, zone: 3 },
  ];
  const control = { ...tcp.original, ports: { ...ports, destination: 21 } };
  const templates = common.map((flow) => new Template(flow));
  const [plain, translated] = templates as [Template, Template];
  return {
    common: templates,
    ftp: new Template({ ...tcp, original: control, helper: 'ftp' }),
    alike: (template) => (template === plain || template === translated ? [plain, translated] : [template]),
  };
}
