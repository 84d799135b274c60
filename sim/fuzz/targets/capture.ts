import { messagesIn } from '../../../src/cli/capture/messages.ts';
import { dissect } from '../../../src/cli/capture/packet.ts';
import { CaptureError, readCapture } from '../../../src/cli/capture/pcap.ts';
import { TcpStreams } from '../../../src/cli/capture/tcp-streams.ts';
import { Random } from '../../random.ts';
import { capturedDatagrams } from '../seeds.ts';
import { ensure, hashOf, type Target } from '../target.ts';

const u16 = (value: number): number[] => [value >> 8, value & 0xff];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** An Ethernet frame with IPv4 and UDP or TCP, from port 40000 to 3780. */
function frame(protocol: 6 | 17, payload: Uint8Array, sequence = 1): number[] {
  const transport =
    protocol === 17
      ? [...u16(40_000), ...u16(3780), ...u16(8 + payload.length), 0, 0, ...payload]
      : [
          ...u16(40_000),
          ...u16(3780),
          ...u32(sequence),
          ...u32(0),
          0x50,
          16,
          ...new Array(6).fill(0),
          ...payload,
        ];
  const ip = [
    0x45,
    0,
    ...u16(20 + transport.length),
    0,
    0,
    0,
    0,
    64,
    protocol,
    0,
    0,
    10,
    0,
    0,
    1,
    10,
    0,
    0,
    2,
  ];
  return [...new Array(12).fill(2), 0x08, 0x00, ...ip, ...transport];
}

function pcap(frames: readonly (readonly number[])[]): Uint8Array {
  const head = [...u32(0xa1b2c3d4), ...u16(2), ...u16(4), ...u32(0), ...u32(0), ...u32(262_144), ...u32(1)];
  const records = frames.flatMap((bytes) => [
    ...u32(7),
    ...u32(8),
    ...u32(bytes.length),
    ...u32(bytes.length),
    ...bytes,
  ]);
  return Uint8Array.from([...head, ...records]);
}

function block(type: number, body: readonly number[]): number[] {
  const padded = [...body, ...new Array((4 - (body.length % 4)) % 4).fill(0)];
  return [...u32(type), ...u32(12 + padded.length), ...padded, ...u32(12 + padded.length)];
}

function pcapng(frames: readonly (readonly number[])[]): Uint8Array {
  const section = block(0x0a0d0d0a, [
    ...u32(0x1a2b3c4d),
    ...u16(1),
    ...u16(0),
    ...u32(0xffffffff),
    ...u32(0xffffffff),
  ]);
  const nanoseconds = [
    ...u16(9),
    ...u16(1),
    9,
    0,
    0,
    0,
    ...u16(14),
    ...u16(8),
    ...u32(0),
    ...u32(5),
    ...u32(0),
  ];
  const device = block(1, [...u16(1), ...u16(0), ...u32(0), ...nanoseconds]);
  const packets = frames.flatMap((bytes) =>
    block(6, [...u32(0), ...u32(1), ...u32(2), ...u32(bytes.length), ...u32(bytes.length), ...bytes]),
  );
  const simple = block(3, [...u32(frames[0]!.length), ...frames[0]!]);
  return Uint8Array.from([...section, ...device, ...packets, ...simple]);
}

async function* inPieces(bytes: Uint8Array, random: Random): AsyncGenerator<Uint8Array> {
  const most = random.pick([1, 16, 300, 65_536]);
  for (let at = 0; at < bytes.length; ) {
    const size = random.between(1, most);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** A capture file of `decode`, and the packets in it: a CaptureError at most. */
export class CaptureTarget implements Target {
  readonly name = 'capture';
  readonly grammar = 'bytes';
  readonly weight = 1;

  seeds(): readonly Uint8Array[] {
    const payloads = capturedDatagrams().slice(0, 4);
    const udp = payloads.map((payload) => frame(17, payload));
    const tcp = payloads.map((payload, n) => frame(6, payload, 1 + 100 * n));
    return [pcap(udp), pcap(tcp), pcapng(udp), pcapng(tcp), pcap([...udp, ...tcp])];
  }

  async run(input: Uint8Array, length: number): Promise<number> {
    const bytes = input.slice(0, length);
    const random = Random.forStream(hashOf(bytes, 0, length));
    let total = 0;
    const streams = new TcpStreams({
      stretch: (_segment, stretch) => {
        for (const _ of messagesIn(stretch)) total++;
      },
      missing: (_segment, count) => ensure(count > 0, () => `${count} bytes missing`),
    });
    try {
      for await (const { linkType, bytes: kept, seconds, nanoseconds } of readCapture(
        inPieces(bytes, random),
      )) {
        total += kept.length;
        ensure(
          Number.isInteger(seconds) && nanoseconds >= 0 && nanoseconds < 1e9,
          () => `${seconds}.${nanoseconds}`,
        );
        const packet = dissect(linkType, kept);
        if (packet.kind === 'udp') for (const _ of messagesIn(packet.payload)) total++;
        if (packet.kind === 'tcp') streams.take(packet, true);
      }
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
    }
    ensure(total <= 64 * (length + 64), () => `${length} bytes became ${total}`);
    return 1;
  }
}
