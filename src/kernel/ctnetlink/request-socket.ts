import { Errno } from '../../system/errno.ts';
import {
  type Libc,
  MSG_WAITFORONE,
  SO_RCVTIMEO,
  SO_SNDBUFFORCE,
  SO_SNDTIMEO,
  SOL_SOCKET,
} from '../../system/libc.ts';
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
import { BATCH_BYTES, BATCH_REQUESTS } from './request-batch.ts';

/** Bytes for one answer. Of the answer to a probe only the header is read. */
const ANSWER_SLOT_SIZE = 256;
/** Size of the receive buffer for a batch's answers in bytes, as the kernel accounts it. */
const ANSWER_BUFFER = 4 << 20;

/**
 * Opens a socket for requests to the kernel.
 * @throws KernelError
 */
export function openRequestSocket(system: Libc): RequestSocket {
  const fd = openNetfilterSocket(system, 0, (fd) => {
    setReceiveBuffer(system, fd, ANSWER_BUFFER);
    allowWholeBatches(system, fd);
    // Error messages need not echo the request.
    system.setsockoptInt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    system.setTimeout(fd, SO_RCVTIMEO, ANSWER_TIMEOUT);
    system.setTimeout(fd, SO_SNDTIMEO, ANSWER_TIMEOUT);
  });
  return new RequestSocket(system, fd, KERNEL);
}

/** The kernel refuses a message that is larger than the send buffer, and the administrator sets the default (net.core.wmem_default). */
function allowWholeBatches(system: Libc, fd: number): void {
  try {
    system.setsockoptInt(fd, SOL_SOCKET, SO_SNDBUFFORCE, BATCH_BYTES);
  } catch {
    // Without CAP_NET_ADMIN the kernel refuses the requests as well, and says so.
  }
}

/** Sends requests to the kernel, and waits for the answers to a batch before it sends the next one. */
export class RequestSocket {
  private readonly system: Libc;
  private readonly fd: number;
  private readonly to: Uint8Array;
  private readonly ring: ReceiveBatch;
  private readonly answers = new Int32Array(BATCH_REQUESTS);

  /**
   * @param fd the request socket takes ownership
   * @param to address of the peer that answers
   */
  constructor(system: Libc, fd: number, to: Uint8Array) {
    this.system = system;
    this.fd = fd;
    this.to = to;
    this.ring = new ReceiveBatch(system, BATCH_REQUESTS, ANSWER_SLOT_SIZE);
  }

  /** The socket's netlink port, which the kernel puts into the events that its requests cause. */
  get port(): number {
    return netlinkAddressPort(this.system.getsockname(this.fd));
  }

  /**
   * Sends `count` requests with sequence numbers from `first` on, and waits for the answer to the last one.
   * A request without an answer by then succeeded: the kernel processes requests in order, and reports every
   * error.
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

  /** Reads the messages of one datagram; returns whether they answer the last request. */
  private take(slot: number, first: number, count: number): boolean {
    const { bytes } = this.ring;
    const start = this.ring.offset(slot);
    const end = start + this.ring.length(slot);
    let last = false;
    for (let at = start; at < end; ) {
      const length = wholeMessage(bytes, at, end);
      // Only a probe's answer can be truncated; its acknowledgement is a datagram of its own.
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
