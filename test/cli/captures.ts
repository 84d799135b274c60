/** Capture files and the frames in them, put together byte by byte. */

import { parseAddress } from '../../src/flow/parse-address.ts';

export interface Ends {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

export const ENDS: Ends = {
  source: '10.0.0.1',
  sourcePort: 40_000,
  destination: '10.0.0.2',
  destinationPort: 3780,
};

export const ENDS6: Ends = { ...ENDS, source: 'fd00::1', destination: 'fd00::2' };

export function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Buffer.concat(parts.map((part) => Uint8Array.from(part)));
}

export function u16(value: number, littleEndian = false): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setUint16(0, value, littleEndian);
  return bytes;
}

export function u32(value: number, littleEndian = false): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, littleEndian);
  return bytes;
}

export function udp(ends: Ends, payload: Uint8Array): Uint8Array {
  return concat(u16(ends.sourcePort), u16(ends.destinationPort), u16(8 + payload.length), [0, 0], payload);
}

export const TcpFlag = { FIN: 1, SYN: 2, RST: 4, ACK: 16 } as const;

export function tcp(
  ends: Ends,
  sequence: number,
  payload: Uint8Array,
  flags: number = TcpFlag.ACK,
): Uint8Array {
  const options = [1, 1, 1, 0];
  return concat(
    u16(ends.sourcePort),
    u16(ends.destinationPort),
    u32(sequence >>> 0),
    u32(0),
    [0x60, flags],
    new Uint8Array(6),
    options,
    payload,
  );
}

export interface Ipv4Options {
  readonly options?: readonly number[];
  /** The 16 bits of flags and offset. */
  readonly fragment?: number;
}

export function ipv4(
  ends: Ends,
  protocol: number,
  body: Uint8Array,
  { options = [], fragment = 0 }: Ipv4Options = {},
): Uint8Array {
  const header = 20 + options.length;
  return concat(
    [0x40 | (header / 4), 0],
    u16(header + body.length),
    [0, 0],
    u16(fragment),
    [64, protocol, 0, 0],
    parseAddress(ends.source),
    parseAddress(ends.destination),
    options,
    body,
  );
}

/** `headers` are extension headers, each with its own number; the first byte of each is filled in. */
export function ipv6(
  ends: Ends,
  protocol: number,
  body: Uint8Array,
  headers: readonly { readonly number: number; readonly bytes: readonly number[] }[] = [],
): Uint8Array {
  const numbers = [...headers.map(({ number }) => number), protocol];
  const extensions = headers.map(({ bytes }, n) => [numbers[n + 1]!, ...bytes.slice(1)]);
  const rest = concat(...extensions, body);
  return concat(
    [0x60, 0, 0, 0],
    u16(rest.length),
    [numbers[0]!, 64],
    parseAddress(ends.source),
    parseAddress(ends.destination),
    rest,
  );
}

const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;

function ethertypeOf(packet: Uint8Array): number {
  return ETHERTYPE[(packet[0]! >>> 4) as 4 | 6];
}

/** The headers of each kind of link around an IP packet, with the link's LINKTYPE number. */
export const LINKS: Readonly<
  Record<string, { readonly type: number; readonly frame: (packet: Uint8Array) => Uint8Array }>
> = {
  Ethernet: { type: 1, frame: (packet) => concat(new Uint8Array(12), u16(ethertypeOf(packet)), packet) },
  'Ethernet with a VLAN tag': {
    type: 1,
    frame: (packet) => concat(new Uint8Array(12), u16(0x8100), u16(100), u16(ethertypeOf(packet)), packet),
  },
  'Ethernet with two VLAN tags': {
    type: 1,
    frame: (packet) =>
      concat(
        new Uint8Array(12),
        u16(0x88a8),
        u16(7),
        u16(0x8100),
        u16(100),
        u16(ethertypeOf(packet)),
        packet,
      ),
  },
  'Linux cooked': {
    type: 113,
    frame: (packet) => concat(new Uint8Array(14), u16(ethertypeOf(packet)), packet),
  },
  'Linux cooked 2': {
    type: 276,
    frame: (packet) => concat(u16(ethertypeOf(packet)), new Uint8Array(18), packet),
  },
  'Linux cooked 2 with a VLAN tag': {
    type: 276,
    frame: (packet) => concat(u16(0x8100), new Uint8Array(18), u16(100), u16(ethertypeOf(packet)), packet),
  },
  'raw IP': { type: 101, frame: (packet) => packet },
  'BSD loopback': { type: 0, frame: (packet) => concat([2, 0, 0, 0], packet) },
  'OpenBSD loopback': { type: 108, frame: (packet) => concat([0, 0, 0, 2], packet) },
};

export interface CapturedFrame {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly bytes: Uint8Array;
}

export const SECONDS = 1_700_000_000;

export function at(bytes: Uint8Array, nanoseconds = 123_456_000): CapturedFrame {
  return { seconds: SECONDS, nanoseconds, bytes };
}

export interface PcapOptions {
  readonly littleEndian?: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
}

export function pcap(
  frames: readonly CapturedFrame[],
  { littleEndian = true, nanoseconds = false, linkType = 1 }: PcapOptions = {},
): Uint8Array {
  const word = (value: number) => u32(value, littleEndian);
  return concat(
    word(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4),
    u16(2, littleEndian),
    u16(4, littleEndian),
    word(0),
    word(0),
    word(262_144),
    word(linkType),
    ...frames.flatMap((frame) => [
      word(frame.seconds),
      word(nanoseconds ? frame.nanoseconds : frame.nanoseconds / 1000),
      word(frame.bytes.length),
      word(frame.bytes.length),
      frame.bytes,
    ]),
  );
}

export interface PcapngOptions {
  readonly littleEndian?: boolean;
  readonly linkType?: number;
  /** `if_tsresol`: powers of ten of a second. */
  readonly resolution?: 6 | 9;
  readonly block?: 'enhanced' | 'simple';
}

export function pcapng(
  frames: readonly CapturedFrame[],
  { littleEndian = true, linkType = 1, resolution = 6, block = 'enhanced' }: PcapngOptions = {},
): Uint8Array {
  const word = (value: number) => u32(value, littleEndian);
  const half = (value: number) => u16(value, littleEndian);
  const padded = (bytes: Uint8Array) => concat(bytes, new Uint8Array(-bytes.length & 3));
  const whole = (type: number, body: Uint8Array) => {
    const length = body.length + 12;
    return concat(word(type), word(length), body, word(length));
  };
  const section = concat(word(0x1a2b3c4d), half(1), half(0), word(0xffff_ffff), word(0xffff_ffff));
  const described = concat(
    half(linkType),
    half(0),
    word(0),
    half(9),
    half(1),
    [resolution, 0, 0, 0],
    half(0),
    half(0),
  );
  const packet = ({ seconds, nanoseconds, bytes }: CapturedFrame) => {
    if (block === 'simple') return whole(3, concat(word(bytes.length), padded(bytes)));
    const units =
      BigInt(seconds) * 10n ** BigInt(resolution) + BigInt(nanoseconds) / 10n ** BigInt(9 - resolution);
    return whole(
      6,
      concat(
        word(0),
        word(Number(units >> 32n)),
        word(Number(units & 0xffff_ffffn)),
        word(bytes.length),
        word(bytes.length),
        padded(bytes),
      ),
    );
  };
  // A name resolution block, which is of no interest, stands between.
  return concat(
    whole(0x0a0d0d0a, section),
    whole(1, described),
    whole(4, concat(word(0))),
    ...frames.map(packet),
  );
}
