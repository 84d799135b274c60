import { writeNativeU16, writeNativeU32 } from '../../bytes/endian.ts';
import { Change, Origin } from '../../flow/change.ts';
import { MSG_DONTWAIT, MSG_NOSIGNAL, libc as systemCalls } from '../../system/libc.ts';
import { align4, type NetlinkWriter, NLMSG_ERROR, wholeMessage } from '../../system/netlink.ts';
import { openUnixSockets, type UnixSockets } from '../../system/unix-datagrams.ts';
import { Cta, CtnetlinkMessage, Subsystem } from '../codec/ctnetlink-numbers.ts';
import { FlowRequests } from '../codec/templated-request.ts';
import { Transcoder } from '../codec/transcode.ts';
import type { Dump, EventWatch, Kernel, KernelCounters, KernelSink, TranscodeOptions } from '../kernel.ts';
import { ReadResult } from '../kernel.ts';
import { EventMessages } from './event-messages.ts';
import { EventSocket } from './event-socket.ts';
import { MalformedMessages } from './malformed-messages.ts';
import { Origins } from './origins.ts';
import { BATCH_REQUESTS, RequestBatch } from './request-batch.ts';
import { RequestSocket } from './request-socket.ts';

/** Ports as the kernel gives them to a process that has one already: of somebody, and of whoever injects. */
const SOMEBODY = 0xf000_0001;
const INJECTING = 0xf000_0002;

const NO_ANSWERS = new Int32Array(0);
const NOTHING: Dump = { interrupted: false, step: () => true, close: () => {} };

/**
 * A kernel to rehearse with: its table is empty, it says yes to all requests, and its events are what it is told to
 * tell. Events and requests go through the same code as the real kernel's, down to ctnetlink's messages.
 */
export class WarmUpKernel implements Kernel {
  readonly counters: KernelCounters = { unknownEvents: 0, malformed: 0, helperNamesDropped: 0 };
  protected readonly messages: EventMessages;
  private readonly templates: FlowRequests;
  private readonly queued: RequestBatch;
  /** Where each event ends in the batch's bytes. */
  private readonly ends: number[] = [];
  private readonly answers = new Int32Array(BATCH_REQUESTS);

  constructor(options: TranscodeOptions) {
    this.templates = new FlowRequests(options.fastPaths);
    this.queued = new RequestBatch(Origin.OTHER, () => 0, this.templates);
    const transcoder = new Transcoder(options, this.counters);
    const origins = new Origins();
    origins.set(Origin.INJECT, INJECTING);
    this.messages = new EventMessages(
      transcoder,
      this.counters,
      origins,
      new MalformedMessages(this.counters),
    );
  }

  /**
   * The next events say that this happened to this flow, which has this number (u32) in the kernel.
   * @throws RangeError if too many wait to be read
   */
  queueEvent(change: Change, record: Uint8Array, id: number): void {
    const { writer } = this.queued;
    const at = writer.at;
    this.queued.create(record, 0, record.length, 0, false);
    writer.u32(Cta.ID, id);
    writer.endMessage(at);
    // An event has the attributes of a request, and says by type and flags what it is.
    if (change === Change.DESTROY) {
      writeNativeU16(writer.bytes, at + 4, (Subsystem.FLOW << 8) | CtnetlinkMessage.DELETE);
    }
    if (change !== Change.NEW) writeNativeU16(writer.bytes, at + 6, 0);
    // Half of them are somebody's doing.
    writeNativeU32(writer.bytes, at + 12, (id & 1) * SOMEBODY);
    this.ends.push(writer.at);
  }

  /** Gives each message that waits to `take`: `bytes[start, end)`. */
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

  subscribeNewFlows(_heard: boolean): void {}

  dumpFlows(): Dump {
    return NOTHING;
  }

  dumpUnansweredFlows(): Dump {
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

  flushExpectations(): void {}

  close(): void {}
}

/** Bytes of the answer that says yes: a header, the errno, and the header of what was asked. */
const ANSWER_SIZE = 36;

/**
 * A {@link WarmUpKernel} whose events come through a socket, as the real kernel's do, once it speaks, and that is asked
 * through one.
 */
export class SocketWarmUpKernel extends WarmUpKernel {
  private readonly libc = systemCalls();
  private readonly events = openUnixSockets(this.libc);
  private readonly socket = new EventSocket(this.libc, this.events.receiver, this.messages, this.counters);
  private readonly asking: UnixSockets;
  private readonly requests: RequestSocket;
  private readonly answer = new Uint8Array(new ArrayBuffer(ANSWER_SIZE));
  private readonly asked = new Uint8Array(new ArrayBuffer(1));

  /** @throws SystemError; nothing is open then */
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

  /** Sends what it was told to tell, a datagram each. What does not fit into the socket is lost. */
  flushEvents(): void {
    this.drainQueue((bytes, start, end) => this.say(bytes.subarray(start, end)));
  }

  private say(message: Uint8Array): void {
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

  /** The real kernel answers while it is asked. This one has no turn then, so it answers first. */
  override run({ writer, size, firstSequence }: RequestBatch): Int32Array {
    if (size === 0) return NO_ANSWERS;
    const { libc, answer, asked } = this;
    const { receiver, senderAddress } = this.asking;
    writeNativeU32(answer, 8, firstSequence + size - 1);
    libc.sendTo(receiver, answer, ANSWER_SIZE, MSG_DONTWAIT | MSG_NOSIGNAL, senderAddress);
    const answers = this.requests.exchange(writer.bytes, writer.at, firstSequence, size);
    libc.receive(receiver, asked, MSG_DONTWAIT);
    this.tellOfDone(writer);
    return answers;
  }

  /** Whoever asked is told of it, as of all that happens. */
  private tellOfDone({ bytes, at: end }: NetlinkWriter): void {
    for (let at = 0; at < end; ) {
      const length = wholeMessage(bytes, at, end);
      const message = bytes.slice(at, at + length);
      writeNativeU32(message, 12, INJECTING);
      this.say(message);
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
