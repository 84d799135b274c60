import { Errno } from '../../system/errno.ts';
import { type Libc, MSG_DONTWAIT, MSG_PEEK, SO_RCVBUF, SOL_SOCKET } from '../../system/libc.ts';
import { type Watch, watchReadable } from '../../system/loop/readable-watch.ts';
import { NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP, SOL_NETLINK } from '../../system/netlink.ts';
import { ReceiveBatch } from '../../system/receive-batch.ts';
import { setReceiveBuffer } from '../../system/receive-buffer.ts';
import { type EventWatch, type KernelCounters, KernelError, type KernelSink, ReadResult } from '../kernel.ts';
import type { EventMessages } from './event-messages.ts';
import { explain } from './kernel-errors.ts';

/** Maximum number of events received per system call. */
const SLOTS = 64;
/**
 * Bytes for one event; the longest seen has less than 700. Not a power of two, so that the starts of the
 * slots do not all map to the same few cache lines.
 */
const SLOT_SIZE = 4096 + 64;

/** The socket that receives the kernel's events, one per datagram. */
export class EventSocket {
  private readonly system: Libc;
  private readonly fd: number;
  private readonly messages: EventMessages;
  private readonly counters: KernelCounters;
  private readonly ring: ReceiveBatch;
  private readonly peekBuffer = new Uint8Array(new ArrayBuffer(1));
  private watching: Watch | undefined;
  private size: number;

  /** @param fd the event socket takes ownership */
  constructor(system: Libc, fd: number, messages: EventMessages, counters: KernelCounters) {
    this.system = system;
    this.fd = fd;
    this.messages = messages;
    this.counters = counters;
    this.ring = new ReceiveBatch(system, SLOTS, SLOT_SIZE);
    this.size = system.getsockoptInt(fd, SOL_SOCKET, SO_RCVBUF);
  }

  /** Size of the receive buffer in bytes, as the kernel accounts it. */
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
   * Joins multicast groups (bits), or leaves them.
   * @throws KernelError
   */
  setMembership(groups: number, joined: boolean): void {
    const option = joined ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;
    try {
      for (let group = 1; groups >> (group - 1) !== 0; group++) {
        if ((groups & (1 << (group - 1))) === 0) continue;
        this.system.setsockoptInt(this.fd, SOL_NETLINK, option, group);
      }
    } catch (error) {
      throw explain(error);
    }
  }

  /** @throws KernelError if the socket already has a watch */
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
   * Passes the queued events to `sink`, at most `limit` of them.
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
      // recvmmsg returned fewer than requested: the queue is empty, and another call would only return
      // EAGAIN.
      if (received < wanted) return ReadResult.DRAINED;
      left -= received;
    }
    return ReadResult.MORE;
  }

  /**
   * Ends the kernel's congestion state after an overrun. In that state the kernel delivers nothing until
   * recvmsg finds the queue empty (netlink_rcv_wake in net/netlink/af_netlink.c). recvmmsg returns the error
   * without that check: if the queue is already empty, no event would arrive and nothing would wake the
   * reader, for ever.
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
