import { readFileSync } from 'node:fs';
import { Errno } from '../../system/errno.ts';
import { type Libc, MSG_DONTWAIT } from '../../system/libc.ts';
import { type Watch, watchReadable } from '../../system/loop/readable-watch.ts';
import {
  align4,
  messageErrno,
  messageType,
  NETLINK_CAP_ACK,
  NETLINK_NO_ENOBUFS,
  NetlinkWriter,
  NLMSG_ERROR,
  SOL_NETLINK,
  wholeMessage,
} from '../../system/netlink.ts';
import { setReceiveBuffer } from '../../system/receive-buffer.ts';
import { explain } from '../ctnetlink/kernel-errors.ts';
import { KERNEL, openNetfilterSocket } from '../ctnetlink/netfilter-socket.ts';
import { KernelError } from '../kernel.ts';
import { HelperSubsystem, QueueMessage } from './numbers.ts';
import {
  type PacketVerdict,
  putBindQueue,
  putConfigureQueue,
  putUnbindQueue,
  putVerdict,
} from './queue-messages.ts';
import { type QueuedPacket, readQueuedPacket } from './queued-packet.ts';
import { NoHelpersError, refused } from './requests.ts';

/** The largest packet, its flow and the headers, in bytes. */
const MESSAGE_MAX = 72 * 1024;
/** Bytes of packets that wait to be read, as the kernel accounts them. */
const RECEIVE_BUFFER = 4 << 20;
/** Packets that one turn of the event loop takes, so that others get theirs. */
const PACKETS_A_TURN = 64;

/** More than wait in queues of the kernel's default length, 1024. */
const PACKETS_AT_CLOSE = 4096;

const PROC_QUEUES = '/proc/net/netfilter/nfnetlink_queue';

export interface QueueCounters {
  /** Packets that came from the queues. */
  received: number;
  /** Messages of the kernel that are no packet with an identifier. */
  malformed: number;
  /** Verdicts that could not be sent, or that the kernel refused: the packet is lost, or waits until the queue is given up. */
  verdictsFailed: number;
}

/** The packet queues of this process's network namespace that belong to one socket. */
export class PacketQueues {
  readonly counters: QueueCounters = { received: 0, malformed: 0, verdictsFailed: 0 };
  private readonly system: Libc;
  private readonly fd: number;
  private readonly buffer = new Uint8Array(new ArrayBuffer(MESSAGE_MAX));
  private readonly writer = new NetlinkWriter(MESSAGE_MAX);
  private readonly bound = new Set<number>();
  private watch: Watch | undefined;
  private take: (packet: QueuedPacket) => void = () => {};
  private sequence = 0;

  /** @throws KernelError */
  constructor(system: Libc) {
    this.system = system;
    this.fd = openNetfilterSocket(system, 0, (fd) => {
      setReceiveBuffer(system, fd, RECEIVE_BUFFER);
      system.setsockoptInt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
      // What finds no room passes by (NFQA_CFG_F_FAIL_OPEN): no reason to fail a read.
      system.setsockoptInt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
    });
  }

  /**
   * Takes a queue, from which packets then come as `watchPackets` says.
   * @param length packets that wait in it at most; 0: the kernel's default
   * @throws KernelError that says who has the queue, or what the kernel lacks
   */
  bind(queueNum: number, length: number): void {
    const errno = this.request((writer, sequence) => putBindQueue(writer, sequence, queueNum));
    if (errno !== 0) throw explainBind(queueNum, errno);
    this.bound.add(queueNum);
    this.configure(queueNum, length);
  }

  private configure(queueNum: number, length: number): void {
    const put = (writer: NetlinkWriter, sequence: number) =>
      putConfigureQueue(writer, sequence, queueNum, length);
    let errno = this.request(put);
    // The kernel has loaded nf_conntrack_netlink meanwhile, and wants to be asked again.
    if (errno === Errno.EAGAIN) errno = this.request(put);
    if (errno === 0) return;
    if (errno === Errno.EOPNOTSUPP) {
      throw new NoHelpersError(
        `packet queue ${queueNum}: the kernel's queues tell no flows (load nf_conntrack_netlink, or build it: CONFIG_NETFILTER_NETLINK_GLUE_CT)`,
        errno,
      );
    }
    throw refused(`packet queue ${queueNum}`, errno);
  }

  /** Whether another program of this network namespace has the queue. */
  isTaken(queueNum: number): boolean {
    return !this.bound.has(queueNum) && queueOwner(queueNum) !== undefined;
  }

  /** Passes each packet to `take`, which must give it a verdict. */
  watchPackets(take: (packet: QueuedPacket) => void): void {
    this.take = take;
    this.watch = watchReadable(this.fd, () => this.read(PACKETS_A_TURN));
  }

  /** Reads up to `limit` datagrams. */
  private read(limit: number): void {
    const { system, fd, buffer, counters } = this;
    for (let n = 0; n < limit; n++) {
      const read = system.receive(fd, buffer, MSG_DONTWAIT);
      if (read === -Errno.EAGAIN) return;
      if (read < 0) {
        counters.malformed++;
        return;
      }
      this.takeMessages(read);
    }
  }

  /** Takes each message of the datagram in the buffer; an answer to a verdict is an error. */
  private takeMessages(read: number): void {
    const { buffer, counters } = this;
    for (let at = 0; at < read; ) {
      const length = wholeMessage(buffer, at, read);
      if (length < 0) {
        counters.malformed++;
        return;
      }
      const type = messageType(buffer, at);
      if (type === ((HelperSubsystem.QUEUE << 8) | QueueMessage.PACKET)) this.takePacket(at, at + length);
      else if (type === NLMSG_ERROR) counters.verdictsFailed++;
      else counters.malformed++;
      at += align4(length);
    }
  }

  private takePacket(at: number, end: number): void {
    const { counters } = this;
    counters.received++;
    const packet = readQueuedPacket(this.buffer, at, end);
    if (packet === undefined) counters.malformed++;
    else this.take(packet);
  }

  /** Sends a packet on, or drops it. The packet may lie in the receive buffer. */
  decide({ queueNum, id }: QueuedPacket, verdict: PacketVerdict): void {
    const { writer } = this;
    writer.at = 0;
    putVerdict(writer, queueNum, id, verdict);
    const sent = this.system.sendTo(this.fd, writer.bytes, writer.at, 0, KERNEL);
    if (sent < 0) this.counters.verdictsFailed++;
  }

  /**
   * Gives all queues up, once those packets had their verdict that wait by now. Disable the helpers first: the kernel drops
   * what comes meanwhile.
   */
  close(): void {
    if (this.watch !== undefined) {
      this.watch.close();
      this.watch = undefined;
      this.read(PACKETS_AT_CLOSE);
    }
    for (const queueNum of this.bound) {
      this.request((writer, sequence) => putUnbindQueue(writer, sequence, queueNum));
    }
    this.bound.clear();
    this.system.close(this.fd);
  }

  /** Sends a request with NLM_F_ACK and returns the errno of its answer. Packets that come before it get no verdict. */
  private request(put: (writer: NetlinkWriter, sequence: number) => void): number {
    const { system, fd, writer, buffer } = this;
    writer.at = 0;
    put(writer, ++this.sequence);
    // The kernel carries out a request within sendto: the answer is there.
    const sent = system.sendTo(fd, writer.bytes, writer.at, 0, KERNEL);
    if (sent < 0) throw explain(system.error('sendto (packet queue)', -sent));
    for (;;) {
      const read = system.receive(fd, buffer, MSG_DONTWAIT);
      if (read < 0) throw explain(system.error('recv (packet queue)', -read));
      for (let at = 0; at < read; ) {
        const length = wholeMessage(buffer, at, read);
        if (length < 0) break;
        if (messageType(buffer, at) === NLMSG_ERROR) return messageErrno(buffer, at);
        at += align4(length);
      }
    }
  }
}

function explainBind(queueNum: number, errno: number): KernelError {
  const owner = queueOwner(queueNum);
  if (owner !== undefined) {
    return new KernelError(
      `packet queue ${queueNum} is taken by another program (netlink port ${owner}, mostly its process id): choose another QueueNum`,
      errno,
    );
  }
  if (errno === Errno.EPERM) {
    return new KernelError(`packet queue ${queueNum}: needs CAP_NET_ADMIN (run as root)`, errno);
  }
  if (errno === Errno.EINVAL || errno === Errno.EOPNOTSUPP) {
    return new NoHelpersError(
      `packet queue ${queueNum}: the kernel has no packet queues (load nfnetlink_queue, or build it: CONFIG_NETFILTER_NETLINK_QUEUE)`,
      errno,
    );
  }
  return refused(`packet queue ${queueNum}`, errno);
}

/**
 * The netlink port of the socket that has the queue in this network namespace; undefined if there is none. The first two
 * columns of the file are the number and the port (`seq_show` of the kernel's nfnetlink_queue.c).
 */
export function queueOwner(queueNum: number): number | undefined {
  let table: string;
  try {
    table = readFileSync(PROC_QUEUES, 'latin1');
  } catch {
    return undefined;
  }
  for (const line of table.split('\n')) {
    const [number, port] = line.trim().split(/\s+/).map(Number);
    if (number === queueNum && port !== undefined) return port;
  }
  return undefined;
}
