import { Errno, errnoText } from '../../system/errno.ts';
import { type Libc, SO_RCVTIMEO, SO_SNDTIMEO } from '../../system/libc.ts';
import {
  align4,
  messageErrno,
  messageSequence,
  messageType,
  NETLINK_CAP_ACK,
  NetlinkWriter,
  NLMSG_DONE,
  NLMSG_ERROR,
  SOL_NETLINK,
  wholeMessage,
} from '../../system/netlink.ts';
import { explain } from '../ctnetlink/kernel-errors.ts';
import { ANSWER_TIMEOUT, KERNEL, openNetfilterSocket } from '../ctnetlink/netfilter-socket.ts';
import { KernelError } from '../kernel.ts';

/** Bytes of an answer at most: the kernel fills 32 KiB of a dump. */
const ANSWER_MAX = 64 * 1024;
const REQUEST_MAX = 4096;

/** Writes the attributes and the end of one request that has this sequence number. */
export type PutRequest = (writer: NetlinkWriter, sequence: number) => void;
/** Takes an answer, the message `bytes[start, end)`. */
export type TakeAnswer = (bytes: Uint8Array, start: number, end: number) => void;

/** Sends one request at a time to netfilter, and waits for its answer. */
export class NetfilterRequests {
  private readonly system: Libc;
  private readonly fd: number;
  private readonly writer = new NetlinkWriter(REQUEST_MAX);
  private readonly answer = new Uint8Array(new ArrayBuffer(ANSWER_MAX));
  private sequence = 0;

  /** @throws KernelError */
  constructor(system: Libc) {
    this.system = system;
    this.fd = openNetfilterSocket(system, 0, (fd) => {
      system.setsockoptInt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
      system.setTimeout(fd, SO_RCVTIMEO, ANSWER_TIMEOUT);
      system.setTimeout(fd, SO_SNDTIMEO, ANSWER_TIMEOUT);
    });
  }

  /**
   * Sends a request with NLM_F_ACK or NLM_F_DUMP, and passes what answers it to `take`.
   * @returns the positive errno with which the kernel refused it, or 0
   * @throws KernelError if the kernel cannot be asked
   */
  request(put: PutRequest, take: TakeAnswer = () => {}): number {
    const { system, fd, writer, answer } = this;
    const wanted = ++this.sequence;
    writer.at = 0;
    put(writer, wanted);
    const sent = system.sendTo(fd, writer.bytes, writer.at, 0, KERNEL);
    if (sent < 0) throw explain(system.error('sendto (netfilter)', -sent));
    for (;;) {
      const read = system.receive(fd, answer, 0);
      if (read === -Errno.EAGAIN) throw new KernelError('netfilter left a request unanswered', Errno.EAGAIN);
      if (read < 0) throw explain(system.error('recv (netfilter)', -read));
      for (let at = 0; at < read; ) {
        const length = wholeMessage(answer, at, read);
        if (length < 0) break;
        if (messageSequence(answer, at) === wanted) {
          const type = messageType(answer, at);
          if (type === NLMSG_ERROR || type === NLMSG_DONE) return messageErrno(answer, at);
          take(answer, at, at + length);
        }
        at += align4(length);
      }
    }
  }

  close(): void {
    this.system.close(this.fd);
  }
}

/** The kernel has no helpers in user space, or no packet queues for them. */
export class NoHelpersError extends KernelError {}

/** What the kernel answered, as an error that says what was tried. */
export function refused(what: string, errno: number): KernelError {
  return new KernelError(`${what}: ${errnoText(errno)}`, errno);
}
