/**
 * Capture files as libpcap, tcpdump and Wireshark write them: pcap (draft-ietf-opsawg-pcap) with microseconds or
 * nanoseconds, and pcapng (draft-ietf-opsawg-pcapng), in either byte order.
 */

import { ByteSource } from './byte-source.ts';

/** When a frame was seen. */
export interface FrameTime {
  /** Seconds since 1970, whole; 0 where the file gives no time (simple packet blocks). */
  readonly seconds: number;
  /** The rest of the time, 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/** One captured frame. */
export interface Frame extends FrameTime {
  /** LINKTYPE_* of the interface. */
  readonly linkType: number;
  /** What was kept of the frame; valid until the next frame is asked for. */
  readonly bytes: Uint8Array;
}

/** The bytes are no capture, or no whole one. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

/** The file ends in the middle of a frame, as that of a capture under way does. */
export class TruncatedCaptureError extends CaptureError {}

/** Bytes kept of one frame at most: tcpdump's own limit (MAXIMUM_SNAPLEN). */
const FRAME_MAX = 262_144;
/** Bytes of one pcapng block at most, when it is one that is read. */
const BLOCK_MAX = 1 << 20;
/** Interfaces described in one section at most. */
const INTERFACES_MAX = 4096;

const PCAP_HEADER = 24;
const PCAP_RECORD = 16;
const PCAP_MICROSECONDS = 0xa1b2c3d4;
const PCAP_NANOSECONDS = 0xa1b23c4d;

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_END = 0;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

const GZIP = 0x1f8b;
const BILLION = 1_000_000_000;

const NO_CAPTURE = 'no capture: neither pcap nor pcapng';

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * The frames of a capture file, in the file's order.
 * @throws CaptureError if these bytes are no capture; TruncatedCaptureError, behind the last whole frame, if they end
 * too early
 */
export async function* readCapture(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  const source = new ByteSource(chunks);
  const magic = Uint8Array.from(await source.take(4));
  if (magic.length < 4) throw new CaptureError(NO_CAPTURE);
  const first = viewOf(magic).getUint32(0, false);
  if (first === SECTION) {
    yield* readPcapng(source);
    return;
  }
  for (const littleEndian of [false, true]) {
    const number = viewOf(magic).getUint32(0, littleEndian);
    if (number !== PCAP_MICROSECONDS && number !== PCAP_NANOSECONDS) continue;
    yield* readPcap(source, littleEndian, number === PCAP_NANOSECONDS ? 1 : 1000);
    return;
  }
  if (first >>> 16 === GZIP) throw new CaptureError('compressed with gzip: uncompress it first');
  throw new CaptureError(NO_CAPTURE);
}

/** `unit` is what a file's fraction of a second counts, in nanoseconds. */
async function* readPcap(source: ByteSource, littleEndian: boolean, unit: number): AsyncGenerator<Frame> {
  const header = await source.take(PCAP_HEADER - 4);
  if (header.length < PCAP_HEADER - 4) throw new TruncatedCaptureError('the file ends in its header');
  // The upper half states whether frames end in a check sequence.
  const linkType = viewOf(header).getUint32(PCAP_HEADER - 8, littleEndian) & 0xffff;
  for (;;) {
    const record = await source.take(PCAP_RECORD);
    if (record.length === 0) return;
    if (record.length < PCAP_RECORD)
      throw new TruncatedCaptureError('the file ends in the middle of a frame');
    const view = viewOf(record);
    const seconds = view.getUint32(0, littleEndian);
    const nanoseconds = Math.min(view.getUint32(4, littleEndian) * unit, BILLION - 1);
    const kept = view.getUint32(8, littleEndian);
    if (kept > FRAME_MAX) throw new CaptureError(`a frame of ${kept} bytes, the limit is ${FRAME_MAX}`);
    const bytes = await source.take(kept);
    if (bytes.length < kept) throw new TruncatedCaptureError('the file ends in the middle of a frame');
    yield { seconds, nanoseconds, linkType, bytes };
  }
}

/** An interface of a pcapng section. */
interface CaptureInterface {
  readonly linkType: number;
  /** Frames are cut to this many bytes; 0: they are not. */
  readonly snapLength: number;
  /** Parts of a second that its times count. */
  readonly unitsPerSecond: bigint;
  /** Seconds to add to its times. */
  readonly offset: bigint;
}

async function* readPcapng(source: ByteSource): AsyncGenerator<Frame> {
  let littleEndian = false;
  let interfaces: CaptureInterface[] = [];
  // The type of the first block has been read.
  for (let type: number | undefined = SECTION; type !== undefined; ) {
    const head: Uint8Array = Uint8Array.from(await source.take(type === SECTION ? 8 : 4));
    if (head.length < 4) throw new TruncatedCaptureError('the file ends in the middle of a block');
    if (type === SECTION) {
      if (head.length < 8) throw new TruncatedCaptureError('the file ends in the middle of a block');
      littleEndian = viewOf(head).getUint32(4, true) === BYTE_ORDER_MAGIC;
      if (viewOf(head).getUint32(4, littleEndian) !== BYTE_ORDER_MAGIC) throw new CaptureError(NO_CAPTURE);
      interfaces = [];
    }
    const length = viewOf(head).getUint32(0, littleEndian);
    // Behind the body stands the length once more.
    const body = length - 4 - head.length - 4;
    if (length % 4 !== 0 || body < 0) throw new CaptureError(`a pcapng block of ${length} bytes`);
    if (isRead(type)) {
      if (length > BLOCK_MAX) throw new CaptureError(`a block of ${length} bytes, the limit is ${BLOCK_MAX}`);
      const bytes = await source.take(body);
      if (bytes.length < body) throw new TruncatedCaptureError('the file ends in the middle of a frame');
      if (type === INTERFACE) {
        if (interfaces.length === INTERFACES_MAX) throw new CaptureError(`over ${INTERFACES_MAX} interfaces`);
        interfaces.push(interfaceOf(bytes, littleEndian));
      } else {
        yield packetOf(type, bytes, littleEndian, interfaces);
      }
      await source.skip(4);
    } else if (!(await source.skip(body + 4))) {
      throw new TruncatedCaptureError('the file ends in the middle of a block');
    }
    const next = await source.take(4);
    if (next.length > 0 && next.length < 4) {
      throw new TruncatedCaptureError('the file ends in the middle of a block');
    }
    type = next.length === 4 ? viewOf(next).getUint32(0, littleEndian) : undefined;
  }
}

function isRead(type: number): boolean {
  return type === INTERFACE || type === ENHANCED_PACKET || type === SIMPLE_PACKET || type === OBSOLETE_PACKET;
}

function interfaceOf(body: Uint8Array, littleEndian: boolean): CaptureInterface {
  if (body.length < 8) throw new CaptureError('a pcapng interface block that is too short');
  const view = viewOf(body);
  let unitsPerSecond = 1_000_000n;
  let offset = 0n;
  for (let at = 8; at + 4 <= body.length; ) {
    const code = view.getUint16(at, littleEndian);
    const size = view.getUint16(at + 2, littleEndian);
    const value = at + 4;
    if (code === OPTION_END || size > body.length - value) break;
    if (code === IF_TSRESOL && size >= 1) {
      const power = view.getUint8(value);
      unitsPerSecond = (power & 0x80) === 0 ? 10n ** BigInt(power) : 2n ** BigInt(power & 0x7f);
    } else if (code === IF_TSOFFSET && size >= 8) {
      offset = view.getBigInt64(value, littleEndian);
    }
    at = value + ((size + 3) & ~3);
  }
  return {
    linkType: view.getUint16(0, littleEndian),
    snapLength: view.getUint32(4, littleEndian),
    unitsPerSecond,
    offset,
  };
}

/** Bytes before the frame, by kind of block. */
const PACKET_HEADERS: Readonly<Record<number, number>> = {
  [ENHANCED_PACKET]: 20,
  [OBSOLETE_PACKET]: 20,
  [SIMPLE_PACKET]: 4,
};

function packetOf(
  type: number,
  body: Uint8Array,
  littleEndian: boolean,
  interfaces: readonly CaptureInterface[],
): Frame {
  const header = PACKET_HEADERS[type]!;
  if (body.length < header) throw new CaptureError('a pcapng packet block that is too short');
  const view = viewOf(body);
  let index = 0;
  if (type === ENHANCED_PACKET) index = view.getUint32(0, littleEndian);
  if (type === OBSOLETE_PACKET) index = view.getUint16(0, littleEndian);
  const of = interfaces[index];
  if (of === undefined)
    throw new CaptureError(`a pcapng packet of interface ${index}, which is not described`);
  if (type === SIMPLE_PACKET) {
    const length = view.getUint32(0, littleEndian);
    const kept = of.snapLength === 0 ? length : Math.min(length, of.snapLength);
    return { seconds: 0, nanoseconds: 0, linkType: of.linkType, bytes: body.subarray(4, 4 + kept) };
  }
  const kept = view.getUint32(12, littleEndian);
  if (kept > body.length - header) throw new CaptureError('a pcapng packet that is longer than its block');
  const units = (BigInt(view.getUint32(4, littleEndian)) << 32n) | BigInt(view.getUint32(8, littleEndian));
  return {
    ...timeOf(units, of),
    linkType: of.linkType,
    bytes: body.subarray(header, header + kept),
  };
}

function timeOf(
  units: bigint,
  { unitsPerSecond, offset }: CaptureInterface,
): Pick<Frame, 'seconds' | 'nanoseconds'> {
  return {
    seconds: Number(units / unitsPerSecond + offset),
    nanoseconds: Number(((units % unitsPerSecond) * 1_000_000_000n) / unitsPerSecond),
  };
}
