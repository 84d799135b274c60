import { Errno, errnoText } from '../../system/errno.ts';
import { type Libc, SO_RCVTIMEO, SO_SNDBUFFORCE, SO_SNDTIMEO, SOL_SOCKET } from '../../system/libc.ts';
import {
  align4,
  messageErrno,
  messageSequence,
  messageType,
  NETLINK_CAP_ACK,
  NetlinkWriter,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  SOL_NETLINK,
  wholeMessage,
} from '../../system/netlink.ts';
import { setReceiveBuffer } from '../../system/receive-buffer.ts';
import { explain } from '../ctnetlink/kernel-errors.ts';
import { ANSWER_TIMEOUT, KERNEL, openNetfilterSocket } from '../ctnetlink/netfilter-socket.ts';
import { KernelError } from '../kernel.ts';
import { NFPROTO_INET, NFTABLES } from './nftables-numbers.ts';
import type { Transaction } from './transaction.ts';

/** Bytes of an answer at most: each has some hundred. */
const ANSWER_MAX = 8192;
/** A transaction is one datagram; this is what the socket may hold of them, in bytes. */
const SEND_BUFFER = 4 << 20;
const RECEIVE_BUFFER = 1 << 20;

/** A socket that owns what it makes in nf_tables with the owner flag: it goes when the socket is closed. */
export class NftablesSocket {
  private readonly system: Libc;
  private readonly fd: number;
  private readonly buffer = new Uint8Array(new ArrayBuffer(ANSWER_MAX));
  private sequence = 0;

  /** @throws KernelError */
  constructor(system: Libc) {
    this.system = system;
    this.fd = openNetfilterSocket(system, 0, (fd) => {
      setReceiveBuffer(system, fd, RECEIVE_BUFFER);
      system.setsockoptInt(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER);
      system.setsockoptInt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
      system.setTimeout(fd, SO_RCVTIMEO, ANSWER_TIMEOUT);
      system.setTimeout(fd, SO_SNDTIMEO, ANSWER_TIMEOUT);
    });
  }

  /** The sequence number that the next transaction begins with. */
  get nextSequence(): number {
    return this.sequence + 1;
  }

  /** Makes all changes of the transaction, or throws the first error and makes none. @throws KernelError */
  commit(transaction: Transaction): void {
    transaction.end();
    const { writer, first, last } = transaction;
    this.sequence = last + 1;
    this.send(writer);
    let failure = 0;
    this.receive((sequence, errno) => {
      if (failure === 0) failure = errno ?? 0;
      // An error of the begin is about all of them: no message has an answer.
      return sequence === last || (sequence === first && errno !== 0);
    });
    if (failure !== 0) throw nftablesError(failure);
  }

  /**
   * Asks for one object; `read` gets the answer, whose attributes lie in `bytes[start + 20, start + length)`.
   * @throws KernelError
   */
  request(
    message: number,
    write: (writer: NetlinkWriter) => void,
    read: (bytes: Uint8Array, start: number, length: number) => void,
  ): void {
    const writer = new NetlinkWriter(ANSWER_MAX);
    const wanted = ++this.sequence;
    const began = writer.message(NFTABLES, message, NLM_F_REQUEST, wanted, NFPROTO_INET);
    write(writer);
    writer.endMessage(began);
    this.send(writer);
    let failure = 0;
    this.receive((sequence, errno, start, length) => {
      if (sequence !== wanted) return false;
      if (errno === undefined) read(this.buffer, start, length);
      else failure = errno;
      return true;
    });
    if (failure !== 0) throw nftablesError(failure);
  }

  close(): void {
    this.system.close(this.fd);
  }

  private send({ bytes, at }: NetlinkWriter): void {
    const sent = this.system.sendTo(this.fd, bytes, at, 0, KERNEL);
    if (sent < 0) throw explain(this.system.error('sendto (nf_tables)', -sent));
  }

  /** Gives each message that comes to `take`, until it returns true; `errno` is undefined for what is no acknowledgement. */
  private receive(
    take: (sequence: number, errno: number | undefined, start: number, length: number) => boolean,
  ): void {
    const { buffer } = this;
    for (let done = false; !done; ) {
      const read = this.system.receive(this.fd, buffer, 0);
      if (read === -Errno.EAGAIN) throw new KernelError('nf_tables left a request unanswered', Errno.EAGAIN);
      if (read < 0) throw explain(this.system.error('recv (nf_tables)', -read));
      for (let at = 0; at < read; ) {
        const length = wholeMessage(buffer, at, read);
        if (length < 0) break;
        const errno = messageType(buffer, at) === NLMSG_ERROR ? messageErrno(buffer, at) : undefined;
        if (take(messageSequence(buffer, at), errno, at, length)) done = true;
        at += align4(length);
      }
    }
  }
}

function nftablesError(errno: number): KernelError {
  return new KernelError(`nf_tables: ${errnoText(errno)}`, errno);
}
