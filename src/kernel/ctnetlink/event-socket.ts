import { Errno } from '../../system/errno.ts';
import { type Libc, MSG_DONTWAIT, MSG_PEEK, SO_RCVBUF, SOL_SOCKET } from '../../system/libc.ts';
import { NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP, SOL_NETLINK } from '../../system/netlink.ts';
import { type Watch, watchReadable } from '../../system/readable-watch.ts';
import { ReceiveBatch } from '../../system/receive-batch.ts';
import { setReceiveBuffer } from '../../system/receive-buffer.ts';
import { type EventWatch, type KernelCounters, KernelError, type KernelSink, ReadResult } from '../kernel.ts';
import type { EventMessages } from './event-messages.ts';
import { explain } from './kernel-errors.ts';

/** Events received in one system call. */
const SLOTS = 64;
/**
 * Bytes for one event; the longest seen has less than 700. Not a power of two, so that the slots' beginnings do not all
 * fall into the same few cache lines.
 */
const SLOT_SIZE = 4096 + 64;

/** The socket on which the kernel tells of events, each a datagram. */
export class EventSocket {
  private readonly system: Libc;
  private readonly fd: number;
  private readonly messages: EventMessages;
  private readonly counters: KernelCounters;
  private readonly ring: ReceiveBatch;
  private readonly peekBuffer = new Uint8Array(new ArrayBuffer(1));
  private watching: Watch | undefined;
  private size: number;

  /** @param fd belongs to the event socket from here on */
  constructor(system: Libc, fd: number, messages: EventMessages, counters: KernelCounters) {
    this.system = system;
    this.fd = fd;
    this.messages = messages;
    this.counters = counters;
    this.ring = new ReceiveBatch(system, SLOTS, SLOT_SIZE);
    this.size = system.getsockoptInt(fd, SOL_SOCKET, SO_RCVBUF);
  }

  /** Bytes of the receive buffer, as the kernel accounts it. */
  get bufferSize(): number {
    return this.size;
  }

  /** @throws KernelError */
  growBuffer(bytes: number): number {
    try {
      this.size = setReceiveBuffer(this.system, this.fd, bytes);
    } catch (error) {
      throw explain(error);
    }
    return this.size;
  }

  /**
   * Joins groups (bits), or leaves them.
   * @throws KernelError
   */
  hear(groups: number, heard: boolean): void {
    const option = heard ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;
    try {
      for (let group = 1; groups >> (group - 1) !== 0; group++) {
        if ((groups & (1 << (group - 1))) === 0) continue;
        this.system.setsockoptInt(this.fd, SOL_NETLINK, option, group);
      }
    } catch (error) {
      throw explain(error);
    }
  }

  /** @throws KernelError if it is watched already */
  watch(ready: () => void): EventWatch {
    if (this.watching) throw new KernelError('events are being watched already');
    const watch = watchReadable(this.fd, ready);
    this.watching = watch;
    return {
      pause: () => watch.pause(),
      resume: () => watch.resume(),
      close: () => {
        watch.close();
        if (this.watching === watch) this.watching = undefined;
      },
    };
  }

  /**
   * Gives the events that wait to `sink`, at most `limit` of them.
   * @throws KernelError
   */
  read(sink: KernelSink, limit: number): ReadResult {
    const { ring } = this;
    for (let left = limit; left > 0; ) {
      const wanted = Math.min(left, SLOTS);
      const received = ring.receive(this.fd, wanted);
      if (received === -Errno.EAGAIN) return ReadResult.DRAINED;
      if (received === -Errno.ENOBUFS) {
        this.endCongestion();
        return ReadResult.OVERRUN;
      }
      if (received < 0) throw explain(this.system.error('recvmmsg (netlink events)', -received));
      for (let slot = 0; slot < received; slot++) {
        const start = ring.offset(slot);
        if (ring.truncated(slot)) this.counters.malformed++;
        else this.messages.take(ring.bytes, start, start + ring.length(slot), sink);
      }
      // Fewer than asked for: the queue was empty, and asking again would only be told so.
      if (received < wanted) return ReadResult.DRAINED;
      left -= received;
    }
    return ReadResult.MORE;
  }

  /**
   * After an overrun the kernel delivers nothing until it sees the queue empty, and it looks at that in recvmsg (netlink_rcv_wake in
   * net/netlink/af_netlink.c). recvmmsg gives the error without that: where the queue was empty already nothing would come,
   * and nobody would be woken, for ever.
   */
  private endCongestion(): void {
    this.system.receive(this.fd, this.peekBuffer, MSG_PEEK | MSG_DONTWAIT);
  }

  close(): void {
    this.watching?.close();
    this.watching = undefined;
    this.system.close(this.fd);
  }
}
