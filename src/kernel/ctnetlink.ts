/**
 * The kernel's connection tracking table, over ctnetlink.
 *
 * Sockets: one for events; one for each origin of requests, so that the events that a request brings about can be told by
 * its port; one for each dump while it lasts.
 */

import { Change, Origin } from '../flow/change.ts';
import { Errno } from './errno.ts';
import { EventMessages } from './event-messages.ts';
import { EventSocket, setReceiveBuffer } from './event-socket.ts';
import {
  type Batch,
  type Dump,
  type EventWatch,
  type Kernel,
  type KernelCounters,
  KernelError,
  type KernelSink,
  Read,
  type TranscodeOptions,
} from './kernel.ts';
import { explain } from './kernel-errors.ts';
import {
  AF_NETLINK,
  type Libc,
  libc,
  MSG_WAITFORONE,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
  SOCK_RAW,
  SOL_NETLINK,
} from './libc.ts';
import {
  align4,
  Group,
  messageErrno,
  messageFlags,
  messageSequence,
  messageType,
  NETLINK_BROADCAST_ERROR,
  NETLINK_CAP_ACK,
  NETLINK_NETFILTER,
  NETLINK_NO_ENOBUFS,
  NetlinkWriter,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  netlinkAddress,
  netlinkAddressPort,
  wholeMessage,
} from './netlink.ts';
import { Origins } from './origins.ts';
import { putDumpExpectations, putDumpFlows, putDumpUnansweredFlows, putGetStatistics } from './request.ts';
import { BATCH_REQUESTS, RequestBatch } from './request-batch.ts';
import { ReceiveRing } from './rings.ts';
import { Transcoder } from './transcode.ts';

/** Bytes for one answer: of a probe's answer only the header is read. */
const ANSWER_SLOT_SIZE = 256;
/** Room for the answers of a batch, as the kernel accounts it. */
const ANSWER_BUFFER = 1 << 20;
/** The kernel fills at most 32 KiB of a dump in one go, and no more than it has been offered. */
const DUMP_BUFFER = 64 * 1024;
/** Milliseconds to wait for an answer before the kernel is called silent. */
const ANSWER_TIMEOUT = 5_000;

export interface CtnetlinkOptions extends TranscodeOptions {
  /** Size of the event receive buffer in bytes as the kernel accounts it; the system's own if left out. */
  readonly eventBuffer?: number;
  /** Events of expectations too. */
  readonly expectations?: boolean;
  /** The kernel tells who caused an event that it could not be delivered, and keeps it for later. */
  readonly reliableEvents?: boolean;
  /** A classic BPF program for the event socket: see `Libc.attachFilter`. */
  readonly eventFilter?: Uint8Array;
  /** False for a program that reads no events: then there is no event socket to fill up. */
  readonly events?: boolean;
}

const KERNEL = netlinkAddress(0, 0);

/** Opens a netfilter netlink socket with a port of its own, in the groups given. */
function openSocket(system: Libc, groups: number, prepare: (fd: number) => void): number {
  let fd = -1;
  try {
    fd = system.socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    prepare(fd);
    system.bind(fd, netlinkAddress(0, groups));
    return fd;
  } catch (error) {
    if (fd >= 0) system.close(fd);
    throw explain(error);
  }
}

/** A socket for requests, each of which is answered before the next batch goes out. */
class RequestSocket {
  readonly port: number;
  private readonly system: Libc;
  private readonly fd: number;
  private readonly ring: ReceiveRing;
  private readonly answers = new Int32Array(BATCH_REQUESTS);

  constructor(system: Libc) {
    this.system = system;
    this.fd = openSocket(system, 0, (fd) => {
      setReceiveBuffer(system, fd, ANSWER_BUFFER);
      // An error's answer need not carry the request back.
      system.setsockoptInt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
      system.setTimeout(fd, SO_RCVTIMEO, ANSWER_TIMEOUT);
      system.setTimeout(fd, SO_SNDTIMEO, ANSWER_TIMEOUT);
    });
    this.port = netlinkAddressPort(system.getsockname(this.fd));
    this.ring = new ReceiveRing(system, BATCH_REQUESTS, ANSWER_SLOT_SIZE);
  }

  /**
   * Sends `count` requests with sequence numbers from `first` on, and waits until the last is answered. One that is not
   * answered before that was done: the kernel carries them out in order, and tells of what it refused.
   */
  exchange(bytes: Uint8Array, length: number, first: number, count: number): Int32Array {
    const sent = this.system.sendTo(this.fd, bytes, length, 0, KERNEL);
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

/** Appends the request for a dump. */
type PutDump = (to: NetlinkWriter, sequence: number) => void;
/** Gives the dumped message `bytes[start, end)` to `sink`. */
type GiveDumped = (bytes: Uint8Array, start: number, end: number, sink: KernelSink) => void;

/** Reads one dump to its end from a socket of its own. */
class TableDump implements Dump {
  interrupted = false;
  private readonly system: Libc;
  private readonly fd: number;
  private readonly buffer = new Uint8Array(new ArrayBuffer(DUMP_BUFFER));
  private readonly sequence: number;
  private readonly give: GiveDumped;
  private closed = false;

  constructor(system: Libc, sequence: number, putRequest: PutDump, give: GiveDumped) {
    this.system = system;
    this.sequence = sequence;
    this.give = give;
    this.fd = openSocket(system, 0, (fd) => system.setTimeout(fd, SO_RCVTIMEO, ANSWER_TIMEOUT));
    const request = new NetlinkWriter(64);
    putRequest(request, sequence);
    const sent = system.sendTo(this.fd, request.bytes, request.at, 0, KERNEL);
    if (sent < 0) {
      this.close();
      throw explain(system.error('sendto (netlink dump)', -sent));
    }
  }

  step(sink: KernelSink): boolean {
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
        if ((messageFlags(buffer, at) & NLM_F_DUMP_INTR) !== 0) this.interrupted = true;
        if (type === NLMSG_DONE || type === NLMSG_ERROR) {
          const errno = messageErrno(buffer, at);
          this.close();
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

export class Ctnetlink implements Kernel {
  readonly counters: KernelCounters = { unknownEvents: 0, malformed: 0, helperNamesDropped: 0 };
  private readonly system: Libc;
  private readonly transcoder: Transcoder;
  /** Undefined for a program that reads no events. */
  private readonly events: EventSocket | undefined;
  private readonly sockets = new Map<Origin, RequestSocket>();
  private readonly origins = new Origins();
  private nextSequence = 1;
  private closed = false;

  /**
   * Opens the sockets and asks the kernel whether it speaks ctnetlink.
   * @throws KernelError that says what is missing
   */
  constructor(options: CtnetlinkOptions) {
    let system: Libc;
    try {
      system = libc();
    } catch (error) {
      throw new KernelError(error instanceof Error ? error.message : String(error));
    }
    this.system = system;
    this.transcoder = new Transcoder(options, this.counters);
    this.checkSupport();
    this.events = options.events === false ? undefined : this.openEvents(options);
  }

  private checkSupport(): void {
    const request = new NetlinkWriter(64);
    const sequence = this.reserveSequences(1);
    putGetStatistics(request, sequence);
    const errno = this.socket(Origin.COMMIT).exchange(request.bytes, request.at, sequence, 1)[0]!;
    if (errno === 0) return;
    this.close();
    const error = this.system.error('ctnetlink', errno);
    if (errno === Errno.EPERM || errno === Errno.EACCES) throw explain(error);
    throw new KernelError(`${error.message}: the kernel has no nf_conntrack_netlink`, errno);
  }

  private openEvents(options: CtnetlinkOptions): EventSocket {
    const { system } = this;
    let groups = Group.FLOW_NEW | Group.FLOW_UPDATE | Group.FLOW_DESTROY;
    if (options.expectations) {
      groups |= Group.EXPECTATION_NEW | Group.EXPECTATION_UPDATE | Group.EXPECTATION_DESTROY;
    }
    const fd = openSocket(system, groups, (fd) => {
      if (options.eventBuffer !== undefined) setReceiveBuffer(system, fd, options.eventBuffer);
      if (options.reliableEvents) {
        system.setsockoptInt(fd, SOL_NETLINK, NETLINK_BROADCAST_ERROR, 1);
        system.setsockoptInt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
      }
      if (options.eventFilter) system.attachFilter(fd, options.eventFilter);
    });
    const messages = new EventMessages(this.transcoder, this.counters, this.origins);
    return new EventSocket(system, fd, messages, this.counters);
  }

  /** Takes `count` consecutive numbers for requests, by which answers are told apart; returns the first. */
  private readonly reserveSequences = (count: number): number => {
    const first = this.nextSequence;
    this.nextSequence = (first + count) >>> 0;
    return first;
  };

  private socket(origin: Origin): RequestSocket {
    let socket = this.sockets.get(origin);
    if (socket === undefined) {
      socket = new RequestSocket(this.system);
      this.sockets.set(origin, socket);
      this.origins.set(origin, socket.port);
    }
    return socket;
  }

  get eventBufferSize(): number {
    return this.events?.bufferSize ?? 0;
  }

  growEventBuffer(bytes: number): number {
    return this.events?.growBuffer(bytes) ?? 0;
  }

  watchEvents(ready: () => void): EventWatch {
    if (this.events === undefined) throw new KernelError('opened without events');
    return this.events.watch(ready);
  }

  readEvents(sink: KernelSink, limit: number): Read {
    return this.events === undefined ? Read.DRAINED : this.events.read(sink, limit);
  }

  hearNewFlows(heard: boolean): void {
    // The rest stays heard for more than itself: the kernel prepares new flows for events only while anybody listens
    // (net.netfilter.nf_conntrack_events at 2), and a flow that began without would never be told of.
    this.events?.hear(Group.FLOW_NEW, heard);
  }

  dumpFlows(): Dump {
    return this.dump(putDumpFlows, this.giveFlow);
  }

  dumpUnansweredFlows(): Dump {
    return this.dump(putDumpUnansweredFlows, this.giveFlow);
  }

  dumpExpectations(): Dump {
    return this.dump(putDumpExpectations, this.giveExpectation);
  }

  private dump(putRequest: PutDump, give: GiveDumped): Dump {
    return new TableDump(this.system, this.reserveSequences(1), putRequest, give);
  }

  private readonly giveFlow: GiveDumped = (bytes, start, end, sink) => {
    const length = this.transcoder.flow(bytes, start, end);
    if (length < 0) {
      this.counters.malformed++;
      return;
    }
    sink.flow(Change.UPDATE, Origin.OTHER, this.transcoder.record, length);
    this.transcoder.times(bytes, sink);
  };

  private readonly giveExpectation: GiveDumped = (bytes, start, end, sink) => {
    const length = this.transcoder.expectation(bytes, start, end);
    if (length < 0) this.counters.malformed++;
    else sink.expectation(Change.UPDATE, Origin.OTHER, this.transcoder.record, length);
  };

  batch(origin: Origin): Batch {
    this.socket(origin);
    return new RequestBatch(origin, this.reserveSequences);
  }

  run(batch: Batch): Int32Array {
    if (!(batch instanceof RequestBatch)) throw new TypeError('a batch of another kernel');
    if (batch.size === 0) return new Int32Array(0);
    const { writer, size, firstSequence, origin } = batch;
    return this.socket(origin).exchange(writer.bytes, writer.at, firstSequence, size);
  }

  flushExpectations(): void {
    const batch = new RequestBatch(Origin.COMMIT, this.reserveSequences);
    batch.flushExpectations();
    const errno = this.run(batch)[0]!;
    if (errno !== 0) throw explain(this.system.error('flush of expectations', errno));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.events?.close();
    for (const socket of this.sockets.values()) socket.close();
    this.sockets.clear();
  }
}
