import { writeNativeU16, writeNativeU32 } from '../../bytes/endian.ts';
import { Change, Origin } from '../../flow/change.ts';
import { MSG_DONTWAIT, MSG_NOSIGNAL, libc as systemCalls } from '../../system/libc.ts';
import { align4, type NetlinkWriter, NLMSG_ERROR, wholeMessage } from '../../system/netlink.ts';
import { openUnixSockets, type UnixSockets } from '../../system/unix-datagrams.ts';
import { Cta, CtnetlinkMessage, Subsystem } from '../codec/ctnetlink-numbers.ts';
import { FlowRequests } from '../codec/templated-request.ts';
import { Transcoder } from '../codec/transcode.ts';
import { DirectQueue } from '../direct-queue.ts';
import type {
  BatchQueue,
  Dump,
  EventWatch,
  Kernel,
  KernelCounters,
  KernelSink,
  TranscodeOptions,
} from '../kernel.ts';
import { kernelCounters, ReadResult } from '../kernel.ts';
import { EventMessages } from './event-messages.ts';
import { EventSocket } from './event-socket.ts';
import { MalformedMessages } from './malformed-messages.ts';
import { Origins } from './origins.ts';
import { BATCH_REQUESTS, RequestBatch } from './requests/request-batch.ts';
import { RequestSocket } from './requests/request-socket.ts';

/**
 * Netlink ports like those that the kernel assigns to a process's second socket: one of another program, and
 * one of the injecting socket.
 */
const SOMEBODY = 0xf000_0001;
const INJECTING = 0xf000_0002;

const NO_ANSWERS = new Int32Array(0);
const NOTHING: Dump = { step: () => true, close: () => {} };

/**
 * A fake kernel for the warm-up: its table is empty, every request succeeds, and its events are those that
 * the caller queues. Events and requests run through the same code as with the real kernel, down to
 * ctnetlink messages.
 */
export class WarmUpKernel implements Kernel {
  readonly counters: KernelCounters = kernelCounters();
  protected readonly messages: EventMessages;
  private readonly templates: FlowRequests;
  private readonly queued: RequestBatch;
  /** End offset of each queued event in the batch's bytes. */
  private readonly ends: number[] = [];
  private readonly answers = new Int32Array(BATCH_REQUESTS);

  constructor(options: TranscodeOptions) {
    this.templates = new FlowRequests(options.fastPaths);
    this.queued = new RequestBatch(Origin.OTHER, () => 0, this.templates);
    const transcoder = new Transcoder(options, this.counters);
    const origins = new Origins();
    origins.add(Origin.INJECT, INJECTING);
    this.messages = new EventMessages(
      transcoder,
      this.counters,
      origins,
      new MalformedMessages(this.counters),
    );
  }

  /**
   * Queues an event that reports this change of this flow; `id` is the flow's kernel id (u32).
   * @throws RangeError if too many events are queued
   */
  queueEvent(change: Change, record: Uint8Array, id: number): void {
    const { writer } = this.queued;
    const at = writer.at;
    this.queued.create(record, 0, record.length, 0, false);
    writer.u32(Cta.ID, id);
    writer.endMessage(at);
    // An event has the attributes of a request; its type and flags make it an event.
    if (change === Change.DESTROY) {
      writeNativeU16(writer.bytes, at + 4, (Subsystem.FLOW << 8) | CtnetlinkMessage.DELETE);
    }
    if (change !== Change.NEW) writeNativeU16(writer.bytes, at + 6, 0);
    // Half of the events name another program as their cause.
    writeNativeU32(writer.bytes, at + 12, (id & 1) * SOMEBODY);
    this.ends.push(writer.at);
  }

  /** Passes each queued message to `take`: `bytes[start, end)`. */
  protected drainQueue(take: (bytes: Uint8Array, start: number, end: number) => void): void {
    let at = 0;
    for (const end of this.ends) {
      take(this.queued.writer.bytes, at, end);
      at = end;
    }
    this.ends.length = 0;
    this.queued.clear();
  }

  readEvents(sink: KernelSink, _limit: number): ReadResult {
    this.drainQueue((bytes, start, end) => this.messages.take(bytes, start, end, sink));
    return ReadResult.DRAINED;
  }

  get eventBufferSize(): number {
    return 0;
  }

  growEventBuffer(_bytes: number): number {
    return this.eventBufferSize;
  }

  watchEvents(_ready: () => void): EventWatch {
    return { pause: () => {}, resume: () => {}, close: () => {} };
  }

  subscribeNewFlows(_subscribed: boolean): void {}

  dumpFlows(): Dump {
    return NOTHING;
  }

  dumpUnansweredFlows(): Dump {
    return NOTHING;
  }

  dumpShiftedFlows(): Dump {
    return NOTHING;
  }

  dumpExpectations(): Dump {
    return NOTHING;
  }

  batch(origin: Origin): RequestBatch {
    return new RequestBatch(origin, () => 0, this.templates);
  }

  run(batch: RequestBatch): Int32Array {
    return this.answers.subarray(0, batch.size);
  }

  openQueue(): BatchQueue {
    return new DirectQueue(this);
  }

  flushExpectations(): void {}

  close(): void {}
}

/** Size in bytes of a positive answer: a header, the errno, and the header of the request. */
const ANSWER_SIZE = 36;

/** A {@link WarmUpKernel} that sends its events and answers through sockets, as the real kernel does. */
export class SocketWarmUpKernel extends WarmUpKernel {
  private readonly libc = systemCalls();
  private readonly events = openUnixSockets(this.libc);
  private readonly socket = new EventSocket(this.libc, this.events.receiver, this.messages, this.counters);
  private readonly asking: UnixSockets;
  private readonly requests: RequestSocket;
  private readonly answer = new Uint8Array(new ArrayBuffer(ANSWER_SIZE));
  private readonly asked = new Uint8Array(new ArrayBuffer(1));

  /** @throws SystemError; leaves nothing open */
  constructor(options: TranscodeOptions) {
    super(options);
    try {
      this.asking = openUnixSockets(this.libc);
    } catch (error) {
      this.closeEvents();
      throw error;
    }
    this.requests = new RequestSocket(this.libc, this.asking.sender, this.asking.address);
    writeNativeU32(this.answer, 0, ANSWER_SIZE);
    writeNativeU16(this.answer, 4, NLMSG_ERROR);
  }

  /** Sends the queued events, one per datagram. Those that do not fit into the socket's buffer are lost. */
  flushEvents(): void {
    this.drainQueue((bytes, start, end) => this.sendEvent(bytes.subarray(start, end)));
  }

  private sendEvent(message: Uint8Array): void {
    const { sender, address } = this.events;
    this.libc.sendTo(sender, message, message.length, MSG_DONTWAIT | MSG_NOSIGNAL, address);
  }

  override readEvents(sink: KernelSink, limit: number): ReadResult {
    return this.socket.read(sink, limit);
  }

  override get eventBufferSize(): number {
    return this.socket.bufferSize;
  }

  override growEventBuffer(bytes: number): number {
    return this.socket.growBuffer(bytes);
  }

  override watchEvents(ready: () => void): EventWatch {
    return this.socket.watch(ready);
  }

  /**
   * Sends the answer before the request: unlike the real kernel, this one cannot run while the request
   * socket waits.
   */
  override run({ writer, size, firstSequence }: RequestBatch): Int32Array {
    if (size === 0) return NO_ANSWERS;
    const { libc, answer, asked } = this;
    const { receiver, senderAddress } = this.asking;
    writeNativeU32(answer, 8, firstSequence + size - 1);
    libc.sendTo(receiver, answer, ANSWER_SIZE, MSG_DONTWAIT | MSG_NOSIGNAL, senderAddress);
    const answers = this.requests.exchange(writer.bytes, writer.at, firstSequence, size);
    libc.receive(receiver, asked, MSG_DONTWAIT);
    this.sendRequestsAsEvents(writer);
    return answers;
  }

  /** Sends each request back as an event: the kernel reports a change to the program that made it too. */
  private sendRequestsAsEvents({ bytes, at: end }: NetlinkWriter): void {
    for (let at = 0; at < end; ) {
      const length = wholeMessage(bytes, at, end);
      const message = bytes.slice(at, at + length);
      writeNativeU32(message, 12, INJECTING);
      this.sendEvent(message);
      at += align4(length);
    }
  }

  override close(): void {
    this.closeEvents();
    this.requests.close();
    this.libc.close(this.asking.receiver);
  }

  private closeEvents(): void {
    this.socket.close();
    this.libc.close(this.events.sender);
  }
}
