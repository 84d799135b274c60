import { readFileSync } from 'node:fs';
import { Errno } from '../../system/errno.ts';
import { type Libc, SO_RCVTIMEO } from '../../system/libc.ts';
import {
  align4,
  messageErrno,
  messageFlags,
  messageSequence,
  messageType,
  NetlinkWriter,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  wholeMessage,
} from '../../system/netlink.ts';
import { KernelError } from '../kernel.ts';
import { explain } from './kernel-errors.ts';
import { ANSWER_TIMEOUT, KERNEL, openNetfilterSocket } from './netfilter-socket.ts';

/** The kernel fills at most 32 KiB per datagram of a dump, and never more than the reader's buffer. */
const DUMP_BUFFER = 64 * 1024;

const BUCKETS = '/proc/sys/net/netfilter/nf_conntrack_buckets';

/** Buckets of the kernel's table; empty where the kernel does not report it. */
function bucketCount(): string {
  try {
    return readFileSync(BUCKETS, 'latin1');
  } catch {
    return '';
  }
}

export type PutDump = (to: NetlinkWriter, sequence: number) => void;
/** Passes the dumped message `bytes[start, end)` to `sink`. */
export type GiveDumped<Sink> = (bytes: Uint8Array, start: number, end: number, sink: Sink) => void;

/** Reads one dump to its end, from its own socket. */
export class TableDump<Sink> {
  private wasInterrupted = false;
  private readonly buckets = bucketCount();
  private readonly system: Libc;
  private readonly fd: number;
  private readonly buffer = new Uint8Array(new ArrayBuffer(DUMP_BUFFER));
  private readonly sequence: number;
  private readonly give: GiveDumped<Sink>;
  private closed = false;

  constructor(system: Libc, sequence: number, putRequest: PutDump, give: GiveDumped<Sink>) {
    this.system = system;
    this.sequence = sequence;
    this.give = give;
    this.fd = openNetfilterSocket(system, 0, (fd) => system.setTimeout(fd, SO_RCVTIMEO, ANSWER_TIMEOUT));
    const request = new NetlinkWriter(64);
    putRequest(request, sequence);
    const sent = system.sendTo(this.fd, request.bytes, request.at, 0, KERNEL);
    if (sent < 0) {
      this.close();
      throw explain(system.error('sendto (netlink dump)', -sent));
    }
  }

  /**
   * True if the kernel set NLM_F_DUMP_INTR, or if the table has another number of buckets than at the start:
   * ctnetlink walks them in order, and a resize moves entries to buckets that it has passed.
   */
  get interrupted(): boolean {
    return this.wasInterrupted;
  }

  /**
   * Passes the messages of one read to `sink`. Returns whether the dump has ended.
   * @throws KernelError
   */
  step(sink: Sink): boolean {
    if (this.closed) return true;
    const { buffer } = this;
    const received = this.system.receive(this.fd, buffer, 0);
    if (received === -Errno.EAGAIN) {
      this.close();
      throw new KernelError('the kernel stopped in the middle of a dump', Errno.EAGAIN);
    }
    if (received < 0) {
      this.close();
      throw explain(this.system.error('recv (netlink dump)', -received));
    }
    for (let at = 0; at < received; ) {
      const length = wholeMessage(buffer, at, received);
      if (length < 0) {
        this.close();
        throw new KernelError('the kernel sent a dump that is not made of messages');
      }
      const type = messageType(buffer, at);
      if (messageSequence(buffer, at) === this.sequence) {
        if ((messageFlags(buffer, at) & NLM_F_DUMP_INTR) !== 0) this.wasInterrupted = true;
        if (type === NLMSG_DONE || type === NLMSG_ERROR) {
          const errno = messageErrno(buffer, at);
          this.close();
          if (bucketCount() !== this.buckets) this.wasInterrupted = true;
          if (errno > 0) throw explain(this.system.error('netlink dump', errno));
          return true;
        }
        this.give(buffer, at, at + length, sink);
      }
      at += align4(length);
    }
    return false;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.system.close(this.fd);
  }
}
