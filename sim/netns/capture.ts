import { readFile } from 'node:fs/promises';
import type { Namespace } from './namespace.ts';
import { until } from './until.ts';

export interface Capture {
  /** The pcap file. It is complete after `stop`. */
  readonly path: string;
  /** Ends the capture and returns the file's bytes. */
  stop(): Promise<Buffer>;
}

/**
 * Records the packets of an interface with tcpdump. `filter` is a pcap expression such as `udp port 3780`.
 *
 * Resolves once tcpdump listens, so it captures everything sent afterwards.
 */
export async function startCapture(
  namespace: Namespace,
  link: string,
  path: string,
  filter = '',
): Promise<Capture> {
  const child = await namespace.start('tcpdump', [
    ...['-i', link, '-w', path, '-U', '-n', '--immediate-mode', '-B', '32768'],
    // Keep root: the unprivileged user cannot write to a private directory.
    ...['-Z', 'root'],
    ...(filter === '' ? [] : [filter]),
  ]);
  const listening = () => {
    if (!child.running()) throw new Error(`tcpdump ended: ${child.stderr().trim()}`);
    return child.stderr().includes('listening on');
  };
  await until(`a capture on ${link} of ${namespace.name}`, listening, 5_000, 10);
  return {
    path,
    async stop() {
      // Gives packets in the kernel's ring buffer time to reach the file.
      await new Promise((resolve) => setTimeout(resolve, 100));
      await child.stop('SIGINT');
      return readFile(path);
    },
  };
}

const ETHERNET_HEADER = 14;
const IPV4_PROTOCOL_UDP = 17;

/** One UDP datagram of a capture. */
export interface CapturedDatagram {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly source: string;
  readonly payload: Buffer;
}

/** The UDP payloads of a capture of unfragmented IPv4 over Ethernet, in order, without other packets. */
export function udpDatagrams(pcap: Buffer): CapturedDatagram[] {
  if (pcap.length < 24 || pcap.readUInt32LE(0) !== 0xa1b2c3d4) {
    throw new Error('expected a little-endian pcap file with microseconds');
  }
  const found: CapturedDatagram[] = [];
  for (let at = 24; at + 16 <= pcap.length; ) {
    const kept = pcap.readUInt32LE(at + 8);
    const time = pcap.readUInt32LE(at) + pcap.readUInt32LE(at + 4) / 1e6;
    const frame = pcap.subarray(at + 16, at + 16 + kept);
    at += 16 + kept;
    if (frame.length < ETHERNET_HEADER + 28 || frame.readUInt16BE(12) !== 0x0800) continue;
    const packet = frame.subarray(ETHERNET_HEADER);
    const header = (packet[0]! & 0x0f) * 4;
    if (packet[9] !== IPV4_PROTOCOL_UDP || (packet.readUInt16BE(6) & 0x3fff) !== 0) continue;
    const length = packet.readUInt16BE(header + 4);
    found.push({
      time,
      source: [...packet.subarray(12, 16)].join('.'),
      payload: packet.subarray(header + 8, header + length),
    });
  }
  return found;
}
