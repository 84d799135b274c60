import { readNativeU32, writeNativeU16, writeNativeU32 } from '../../bytes/endian.ts';
import { readU16, writeU16 } from '../../bytes/integers.ts';
import { Errno } from '../errno.ts';
import {
  AF_PACKET,
  type Libc,
  libc,
  SO_TIMESTAMPNS,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from '../libc.ts';
import { type Watch, watchReadable } from '../loop/readable-watch.ts';
import { AddressedBatch } from '../receive-batch.ts';
import { setReceiveBuffer } from '../receive-buffer.ts';

/** `linux/if_packet.h`, `linux/if_ether.h`. */
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const SIZEOF_TPACKET_STATS = 8;
const ETH_P_ALL = 0x0003;

/** `struct sockaddr_ll`, packet(7): family (u16), protocol (u16, network order), interface (int), and what the kernel fills in. */
const SIZEOF_SOCKADDR_LL = 20;
const SLL_PROTOCOL = 2;
const SLL_INTERFACE = 4;

/** Control message: a header and a `struct timespec` of two 64-bit numbers. */
const TIMESPEC = 16;
const TIMESTAMP_SIZE = 16 + TIMESPEC;

/** Packets received in one system call at most. */
const SLOTS = 32;
/** Bytes of an IP packet at most, what a card is to cut up (GSO) included; jumbograms are cut short. */
const SLOT_SIZE = 65_536;
/** Bytes of packets that wait to be read, as the kernel accounts them. */
const BUFFER_SIZE = 16 << 20;

/** Takes one packet: the EtherType, the bytes behind the link's header (valid during the call), and when the kernel had it. */
export type PacketSink = (etherType: number, bytes: Uint8Array, seconds: number, nanoseconds: number) => void;

class PacketBatch extends AddressedBatch {
  constructor(system: Libc) {
    super(system, SLOTS, SLOT_SIZE, TIMESTAMP_SIZE);
  }

  take(slot: number, sink: PacketSink): void {
    const { bytes } = this;
    const { longs } = this.memory;
    const start = this.offset(slot);
    const time = this.controlData(slot, SOL_SOCKET, SO_TIMESTAMPNS, TIMESPEC);
    const seconds = time === 0 ? 0 : Number(longs[time >> 3]);
    const nanoseconds = time === 0 ? 0 : Number(longs[(time >> 3) + 1]);
    const etherType = readU16(bytes, this.addressOffset(slot) + SLL_PROTOCOL);
    sink(etherType, bytes.subarray(start, start + this.length(slot)), seconds, nanoseconds);
  }
}

/**
 * Hears the packets of one interface in both directions, packet(7): what comes in before, and what goes out after netfilter. The
 * kernel takes the link's header off, whatever kind of link it is. Needs CAP_NET_RAW.
 */
export class PacketSocket {
  private readonly system: Libc;
  private readonly fd: number;
  private readonly batch: PacketBatch;
  private watching: Watch | undefined;
  private droppedCount = 0;

  /**
   * @param interfaceIndex of the interface
   * @param filter a classic BPF program; it sees a packet from its network header on
   * @throws SystemError EPERM without CAP_NET_RAW
   */
  constructor(interfaceIndex: number, filter: Uint8Array) {
    const system = libc();
    this.system = system;
    // Nothing is heard of any interface (protocol 0) until the filter is there.
    this.fd = system.socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    try {
      system.attachFilter(this.fd, filter);
      system.setsockoptInt(this.fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
      setReceiveBuffer(system, this.fd, BUFFER_SIZE);
      system.bind(this.fd, packetAddress(interfaceIndex, ETH_P_ALL));
      this.batch = new PacketBatch(system);
    } catch (error) {
      system.close(this.fd);
      throw error;
    }
  }

  /** Calls `ready` as often as there is something to read. */
  watch(ready: () => void): Watch {
    this.watching = watchReadable(this.fd, ready);
    return this.watching;
  }

  /**
   * Passes on packets that wait, at most {@link SLOTS} of them. Returns how many those were.
   * @throws SystemError ENETDOWN once when the interface has gone down; packets come again when it is up
   */
  read(sink: PacketSink): number {
    const count = this.batch.receive(this.fd);
    if (count === -Errno.EAGAIN) return 0;
    if (count < 0) throw this.system.error('recvmmsg (packets)', -count);
    for (let slot = 0; slot < count; slot++) this.batch.take(slot, sink);
    return count;
  }

  /** Packets since the beginning that the filter passed and that found no room, because they were not read fast enough. */
  get dropped(): number {
    // Each reading sets the counters of the kernel to zero.
    const statistics = this.system.getsockoptBytes(
      this.fd,
      SOL_PACKET,
      PACKET_STATISTICS,
      SIZEOF_TPACKET_STATS,
    );
    this.droppedCount += readNativeU32(statistics, 4);
    return this.droppedCount;
  }

  close(): void {
    this.watching?.close();
    this.system.close(this.fd);
  }
}

function packetAddress(interfaceIndex: number, protocol: number): Uint8Array {
  const address = new Uint8Array(SIZEOF_SOCKADDR_LL);
  writeNativeU16(address, 0, AF_PACKET);
  writeU16(address, SLL_PROTOCOL, protocol);
  writeNativeU32(address, SLL_INTERFACE, interfaceIndex);
  return address;
}
