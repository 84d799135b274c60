/**
 * The kernel's connection tracking table, over ctnetlink.
 *
 * Uses one socket for events; one for each origin of requests, and one for commits that are queued, so that an event's netlink port shows
 * which request caused it; and one for each dump while it runs.
 */

import { Change, Origin } from '../../flow/change.ts';
import { Errno } from '../../system/errno.ts';
import { type Libc, libc } from '../../system/libc.ts';
import {
  NETLINK_BROADCAST_ERROR,
  NETLINK_NO_ENOBUFS,
  NetlinkWriter,
  SOL_NETLINK,
} from '../../system/netlink.ts';
import { setReceiveBuffer } from '../../system/receive-buffer.ts';
import { Group } from '../codec/ctnetlink-numbers.ts';
import {
  putDumpExpectations,
  putDumpFlows,
  putDumpShiftedFlows,
  putDumpUnansweredFlows,
  putGetStatistics,
} from '../codec/dump-request.ts';
import { FlowRequests } from '../codec/templated-request.ts';
import { MALFORMED, Transcoder } from '../codec/transcode.ts';
import {
  type Batch,
  type BatchQueue,
  type Dump,
  type EventWatch,
  type Kernel,
  type KernelCounters,
  KernelError,
  type KernelSink,
  kernelCounters,
  ReadResult,
  type TranscodeOptions,
} from '../kernel.ts';
import { CompleteDump } from './complete-dump.ts';
import { withoutEchoes } from './echo-filter.ts';
import { EventMessages } from './event-messages.ts';
import { EventSocket } from './event-socket.ts';
import { explain } from './kernel-errors.ts';
import { MalformedMessages } from './malformed-messages.ts';
import { openNetfilterSocket } from './netfilter-socket.ts';
import { Origins } from './origins.ts';
import { readProtocolTimeouts } from './protocol-timeouts.ts';
import { QueueSocket } from './requests/queue-socket.ts';
import { RequestBatch } from './requests/request-batch.ts';
import { RequestQueue } from './requests/request-queue.ts';
import { openRequestSocket, type RequestSocket } from './requests/request-socket.ts';
import { type GiveDumped, type PutDump, TableDump } from './table-dump.ts';

export interface CtnetlinkOptions extends TranscodeOptions {
  /**
   * Size of the event socket's receive buffer in bytes, as the kernel accounts it; the system default if
   * omitted.
   */
  readonly eventBuffer?: number;
  /** Whether to receive events of expectations too. */
  readonly expectations?: boolean;
  /**
   * Whether the kernel reports a failed delivery to the cause of the event, and keeps the event for later.
   */
  readonly reliableEvents?: boolean;
  /** A classic BPF program for the event socket; see `Libc.attachFilter`. */
  readonly eventFilter?: Uint8Array;
  /**
   * False: no events of what requests of origin INJECT create and change, only of what they end. True by default.
   */
  readonly echoes?: boolean;
  /** False for a program that reads no events: no event socket is opened, so none can fill up. */
  readonly events?: boolean;
  /** True for a program that commits: the socket of its queue is opened at once, so that no commit fails for want of a descriptor. */
  readonly commits?: boolean;
}

export class Ctnetlink implements Kernel {
  readonly counters: KernelCounters = kernelCounters();
  private readonly system: Libc;
  private readonly transcoder: Transcoder;
  private readonly requests: FlowRequests;
  /** Undefined for a program that reads no events. */
  private readonly events: EventSocket | undefined;
  private readonly sockets = new Map<Origin, RequestSocket>();
  /** Undefined for a program that does not commit. */
  private readonly queueSocket: QueueSocket | undefined;
  private queue: RequestQueue | undefined;
  private readonly origins = new Origins();
  private readonly malformed = new MalformedMessages(this.counters);
  private nextSequence = 1;
  private closed = false;

  /**
   * Opens the sockets and checks that the kernel supports ctnetlink.
   * @throws KernelError that names what is missing
   */
  constructor(options: CtnetlinkOptions) {
    let system: Libc;
    try {
      system = libc();
    } catch (error) {
      throw new KernelError(error instanceof Error ? error.message : String(error));
    }
    this.system = system;
    this.transcoder = new Transcoder({ timeouts: readProtocolTimeouts(), ...options }, this.counters);
    this.requests = new FlowRequests(options.fastPaths);
    this.checkSupport();
    try {
      this.queueSocket = options.commits ? this.openQueueSocket() : undefined;
      this.events = options.events === false ? undefined : this.openEvents(options);
    } catch (error) {
      this.close();
      throw error;
    }
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
    const { eventFilter, echoes = true } = options;
    const filter = echoes ? eventFilter : withoutEchoes(this.socket(Origin.INJECT).port, eventFilter);
    const fd = openNetfilterSocket(system, groups, (fd) => {
      if (options.eventBuffer !== undefined) setReceiveBuffer(system, fd, options.eventBuffer);
      if (options.reliableEvents) {
        system.setsockoptInt(fd, SOL_NETLINK, NETLINK_BROADCAST_ERROR, 1);
        system.setsockoptInt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
      }
      if (filter) system.attachFilter(fd, filter);
    });
    const messages = new EventMessages(this.transcoder, this.counters, this.origins, this.malformed);
    return new EventSocket(system, fd, messages, this.counters);
  }

  /** Reserves `count` consecutive sequence numbers, which match answers to requests; returns the first. */
  private readonly reserveSequences = (count: number): number => {
    const first = this.nextSequence;
    this.nextSequence = (first + count) >>> 0;
    return first;
  };

  private socket(origin: Origin): RequestSocket {
    let socket = this.sockets.get(origin);
    if (socket === undefined) {
      socket = openRequestSocket(this.system);
      this.sockets.set(origin, socket);
      this.origins.add(origin, socket.port);
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

  readEvents(sink: KernelSink, limit: number): ReadResult {
    return this.events === undefined ? ReadResult.DRAINED : this.events.read(sink, limit);
  }

  subscribeNewFlows(subscribed: boolean): void {
    // The socket stays in the other groups: with net.netfilter.nf_conntrack_events at 2 the kernel prepares a
    // new flow for events only while some socket listens. A flow created without a listener would never cause
    // an event.
    this.events?.setMembership(Group.FLOW_NEW, subscribed);
  }

  dumpFlows(): Dump {
    return this.dump(putDumpFlows, this.giveFlow);
  }

  dumpUnansweredFlows(): Dump {
    return this.dump(putDumpUnansweredFlows, this.giveFlow);
  }

  dumpShiftedFlows(): Dump {
    return this.dump(putDumpShiftedFlows, this.giveFlow);
  }

  dumpExpectations(): Dump {
    return this.dump(putDumpExpectations, this.giveExpectation);
  }

  private dump(putRequest: PutDump, give: GiveDumped<KernelSink>): Dump {
    const begin = () => new TableDump(this.system, this.reserveSequences(1), putRequest, give);
    return new CompleteDump(begin, this.counters);
  }

  private readonly giveFlow: GiveDumped<KernelSink> = (bytes, start, end, sink) => {
    const length = this.transcoder.flow(bytes, start, end);
    if (length < 0) {
      if (length === MALFORMED) this.malformed.count('flow', bytes, start, end);
      return;
    }
    sink.flow(Change.UPDATE, Origin.OTHER, this.transcoder.record, length);
    this.transcoder.times(bytes, sink);
  };

  private readonly giveExpectation: GiveDumped<KernelSink> = (bytes, start, end, sink) => {
    const length = this.transcoder.expectation(bytes, start, end);
    if (length < 0) this.malformed.count('expectation', bytes, start, end);
    else sink.expectation(Change.UPDATE, Origin.OTHER, this.transcoder.record, length);
  };

  takeMalformedReason(): string | undefined {
    return this.malformed.takeReason();
  }

  batch(origin: Origin): Batch {
    this.socket(origin);
    return new RequestBatch(origin, this.reserveSequences, this.requests);
  }

  run(batch: Batch): Int32Array {
    if (!(batch instanceof RequestBatch)) throw new TypeError('a batch of another kernel');
    if (batch.size === 0) return new Int32Array(0);
    const { writer, size, firstSequence, origin } = batch;
    return this.socket(origin).exchange(writer.bytes, writer.at, firstSequence, size);
  }

  openQueue(): BatchQueue {
    if (this.queueSocket === undefined) throw new KernelError('opened without commits');
    const makeBatch = (room: Uint8Array) =>
      new RequestBatch(Origin.COMMIT, this.reserveSequences, this.requests, room);
    this.queue = new RequestQueue(this.system, this.queueSocket, makeBatch);
    return this.queue;
  }

  private openQueueSocket(): QueueSocket {
    const socket = new QueueSocket(this.system);
    this.origins.add(Origin.COMMIT, socket.port);
    return socket;
  }

  flushExpectations(): void {
    const batch = new RequestBatch(Origin.COMMIT, this.reserveSequences, this.requests);
    batch.flushExpectations();
    const errno = this.run(batch)[0]!;
    if (errno !== 0) throw explain(this.system.error('flush of expectations', errno));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.events?.close();
    // What is under way goes to a descriptor, which may soon be another's.
    this.queue?.close();
    this.queueSocket?.close();
    for (const socket of this.sockets.values()) socket.close();
    this.sockets.clear();
  }
}
