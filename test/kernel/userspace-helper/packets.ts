/** Packets for tests, with lengths and checksums of their own arithmetic. */

export interface PacketParts {
  readonly version: 4 | 6;
  readonly transport: 'tcp' | 'udp';
  readonly payload: Uint8Array;
  readonly sequence?: number;
}

/** A packet from 10.0.0.1:1000 to 10.0.0.2:21, or from fd00::1 to fd00::2. */
export function ipPacket({ version, transport, payload, sequence = 1 }: PacketParts): Uint8Array {
  const header = version === 4 ? 20 : 40;
  const transportHeader = transport === 'tcp' ? 20 : 8;
  const packet = new Uint8Array(header + transportHeader + payload.length);
  const view = new DataView(packet.buffer);
  const protocol = transport === 'tcp' ? 6 : 17;
  if (version === 4) {
    packet.set([0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol]);
    view.setUint16(2, packet.length);
    packet.set([10, 0, 0, 1, 10, 0, 0, 2], 12);
    view.setUint16(10, complement(words(packet.subarray(0, 20))));
  } else {
    packet.set([0x60, 0, 0, 0, 0, 0, protocol, 64]);
    view.setUint16(4, packet.length - 40);
    packet.set([0xfd], 8);
    packet.set([0xfd], 24);
    packet[23] = 1;
    packet[39] = 2;
  }
  view.setUint16(header, 1000);
  view.setUint16(header + 2, 21);
  if (transport === 'tcp') {
    view.setUint32(header + 4, sequence);
    view.setUint32(header + 8, 1);
    packet.set([0x50, 0x18, 1, 0], header + 12);
  } else {
    view.setUint16(header + 4, 8 + payload.length);
  }
  packet.set(payload, header + transportHeader);
  const checksum = transportChecksum(packet);
  view.setUint16(
    header + (transport === 'tcp' ? 16 : 6),
    transport === 'udp' && checksum === 0 ? 0xffff : checksum,
  );
  return packet;
}

/** Whether header and transport sum up to all ones, as a receiver checks it (RFC 1071). */
export function checksumsAreRight(packet: Uint8Array): boolean {
  const isV4 = packet[0]! >>> 4 === 4;
  return (!isV4 || complement(words(packet.subarray(0, 20))) === 0) && transportChecksum(packet) === 0;
}

/** Of the transport header and payload with what stands in its checksum's place, and the pseudo-header. */
function transportChecksum(packet: Uint8Array): number {
  const isV4 = packet[0]! >>> 4 === 4;
  const header = isV4 ? 20 : 40;
  const length = packet.length - header;
  const pseudo = isV4
    ? [...packet.subarray(12, 20), 0, packet[9]!, length >> 8, length & 255]
    : [...packet.subarray(8, 40), 0, 0, length >> 8, length & 255, 0, 0, 0, packet[6]!];
  return complement(words(Uint8Array.of(...pseudo, ...packet.subarray(header))));
}

function words(bytes: Uint8Array): number[] {
  return Array.from(
    { length: Math.ceil(bytes.length / 2) },
    (_, n) => bytes[2 * n]! * 256 + (bytes[2 * n + 1] ?? 0),
  );
}

function complement(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) {
    sum += value;
    if (sum > 0xffff) sum -= 0xffff;
  }
  return 0xffff - sum;
}
