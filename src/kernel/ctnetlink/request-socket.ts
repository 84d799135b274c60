import { Errno } from '../../system/errno.ts';
import { type Libc, MSG_WAITFORONE, SO_RCVTIMEO, SO_SNDTIMEO } from '../../system/libc.ts';
import {
  align4,
  messageErrno,
  messageSequence,
  messageType,
  NETLINK_CAP_ACK,
  NLMSG_ERROR,
  SOL_NETLINK,
  wholeMessage,
} from '../../system/netlink.ts';
import { ReceiveBatch } from '../../system/receive-batch.ts';
import { setReceiveBuffer } from '../../system/receive-buffer.ts';
import { netlinkAddressPort } from '../../system/socket-address.ts';
import { KernelError } from '../kernel.ts';
import { explain } from './kernel-errors.ts';
import { ANSWER_TIMEOUT, KERNEL, openNetfilterSocket } from './netfilter-socket.ts';
import { BATCH_REQUESTS } from './request-batch.ts';

/** Bytes for one answer: of a probe's answer only the header is read. */
const ANSWER_SLOT_SIZE = 256;
/** Room for the answers of a batch, as the kernel accounts it. */
const ANSWER_BUFFER = 1 << 20;

/** Opens a socket for requests to the kernel. @throws KernelError */
export function openRequestSocket(system: Libc): RequestSocket {
  const fd = openNetfilterSocket(system, 0, (fd) => {
    setReceiveBuffer(system, fd, ANSWER_BUFFER);
    // An error's answer need not carry the request back.
    system.setsockoptInt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    system.setTimeout(fd, SO_RCVTIMEO, ANSWER_TIMEOUT);
    system.setTimeout(fd, SO_SNDTIMEO, ANSWER_TIMEOUT);
  });
  return new RequestSocket(system, fd, KERNEL);
}

/** A socket for requests, each of which is answered before the next batch goes out. */
export class RequestSocket {
  private readonly system: Libc;
  private readonly fd: number;
  private readonly to: Uint8Array;
  private readonly ring: ReceiveBatch;
  private readonly answers = new Int32Array(BATCH_REQUESTS);

  /**
   * @param fd belongs to the request socket from here on
   * @param to address of whoever answers
   */
  constructor(system: Libc, fd: number, to: Uint8Array) {
    this.system = system;
    this.fd = fd;
    this.to = to;
    this.ring = new ReceiveBatch(system, BATCH_REQUESTS, ANSWER_SLOT_SIZE);
  }

  /** The netlink port, by which the kernel tells whose doing an event is. */
  get port(): number {
    return netlinkAddressPort(this.system.getsockname(this.fd));
  }

  /**
   * Sends `count` requests with sequence numbers from `first` on, and waits until the last is answered. One that is not
   * answered before that was done: the kernel carries them out in order, and tells of what it refused.
   */
  exchange(bytes: Uint8Array, length: number, first: number, count: number): Int32Array {
    const sent = this.system.sendTo(this.fd, bytes, length, 0, this.to);
    if (sent < 0) throw explain(this.system.error('sendto (netlink request)', -sent));
    if (sent !== length) throw new KernelError(`netlink took ${sent} of ${length} bytes of a request`);
    const { answers } = this;
    for (let n = 0; n < count; n++) answers[n] = 0;
    for (let done = false; !done; ) {
      const received = this.ring.receive(this.fd, BATCH_REQUESTS, MSG_WAITFORONE);
      if (received === -Errno.EAGAIN) {
        throw new KernelError(`the kernel left ${count} requests unanswered`, Errno.EAGAIN);
      }
      if (received < 0) throw explain(this.system.error('recvmmsg (netlink answer)', -received));
      for (let slot = 0; slot < received; slot++) if (this.take(slot, first, count)) done = true;
    }
    return answers.subarray(0, count);
  }

  /** Reads one datagram's messages; returns whether the last of the requests was answered. */
  private take(slot: number, first: number, count: number): boolean {
    const { bytes } = this.ring;
    const start = this.ring.offset(slot);
    const end = start + this.ring.length(slot);
    let last = false;
    for (let at = start; at < end; ) {
      const length = wholeMessage(bytes, at, end);
      // What is cut off is a probe's answer, whose acknowledgement comes by itself.
      if (length < 0) break;
      const index = (messageSequence(bytes, at) - first) >>> 0;
      if (messageType(bytes, at) === NLMSG_ERROR && index < count) {
        this.answers[index] = messageErrno(bytes, at);
        if (index === count - 1) last = true;
      }
      at += align4(length);
    }
    return last;
  }

  close(): void {
    this.system.close(this.fd);
  }
}
