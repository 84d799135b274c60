import { type Libc, SO_RCVTIMEO, SO_SNDBUFFORCE, SO_SNDTIMEO, SOL_SOCKET } from '../../../system/libc.ts';
import { NETLINK_CAP_ACK, SOL_NETLINK } from '../../../system/netlink.ts';
import { ReceiveBatch } from '../../../system/receive-batch.ts';
import { setReceiveBuffer } from '../../../system/receive-buffer.ts';
import { netlinkAddressPort } from '../../../system/socket-address.ts';
import { ANSWER_TIMEOUT, KERNEL, openNetfilterSocket } from '../netfilter-socket.ts';
import { ANSWER_SLOT_SIZE, assertSent, receiveAnswers, type TakeAnswer } from './answers.ts';
import { BATCH_BYTES, BATCH_REQUESTS } from './request-batch.ts';

/** Size of the receive buffer for a batch's answers in bytes, as the kernel accounts it. */
const ANSWER_BUFFER = 4 << 20;

/**
 * Opens a socket for requests to the kernel and their answers; gives its descriptor.
 * @throws KernelError
 */
export function openAnsweredSocket(system: Libc): number {
  return openNetfilterSocket(system, 0, (fd) => {
    setReceiveBuffer(system, fd, ANSWER_BUFFER);
    allowWholeBatches(system, fd);
    // Error messages need not echo the request.
    system.setsockoptInt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    system.setTimeout(fd, SO_RCVTIMEO, ANSWER_TIMEOUT);
    system.setTimeout(fd, SO_SNDTIMEO, ANSWER_TIMEOUT);
  });
}

/** @throws KernelError */
export function openRequestSocket(system: Libc): RequestSocket {
  return new RequestSocket(system, openAnsweredSocket(system), KERNEL);
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
  /** Of the batch that was sent last: its first sequence number, its size, and whether the last request is answered. */
  private first = 0;
  private count = 0;
  private isAnswered = false;

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
    assertSent(this.system, sent, length);
    const { answers } = this;
    for (let n = 0; n < count; n++) answers[n] = 0;
    this.first = first;
    this.count = count;
    for (this.isAnswered = false; !this.isAnswered; ) {
      receiveAnswers(this.system, this.fd, this.ring, count, this.take);
    }
    return answers.subarray(0, count);
  }

  private readonly take: TakeAnswer = (sequence, errno) => {
    const index = (sequence - this.first) >>> 0;
    if (index >= this.count) return;
    this.answers[index] = errno;
    if (index === this.count - 1) this.isAnswered = true;
  };

  close(): void {
    this.system.close(this.fd);
  }
}
