/**
 * An in-memory connection tracking table that answers as the kernel's does, for the simulator, the demo, and
 * machines without root or without Linux.
 *
 * The caller sets the time with `advance`; see `PacketSide` for packets. Nothing depends on a clock or on
 * chance: the same calls have the same effects and events, in the same order.
 */

import { Origin } from '../../flow/change.ts';
import { Status } from '../../flow/status.ts';
import { Errno } from '../../system/errno.ts';
import { Attr } from '../../wire/attribute.ts';
import { decodeExpectation } from '../../wire/decode.ts';
import { DirectQueue } from '../direct-queue.ts';
import {
  type Batch,
  type BatchQueue,
  type Dump,
  type EventWatch,
  type Kernel,
  KernelError,
  type KernelSink,
  ReadResult,
} from '../kernel.ts';
import { MemoryBatch, RequestType } from './batch.ts';
import { MemoryDump } from './dump.ts';
import { PacketSide } from './packet-side.ts';
import { isAnswerable, keyOfTuple, originalKey } from './tuple-key.ts';

export type { MemoryKernelOptions } from './flow-life-cycle.ts';

/** Bytes charged per queued event, so that sizes of the event buffer have a meaning here too. */
const EVENT_BYTES = 1024;

export class MemoryKernel extends PacketSide implements Kernel {
  get eventBufferSize(): number {
    return this.eventLimit * EVENT_BYTES;
  }

  growEventBuffer(bytes: number): number {
    this.eventLimit = Math.max(1, Math.trunc(bytes / EVENT_BYTES));
    return this.eventBufferSize;
  }

  /** As {@link Kernel.watchEvents}; calls `ready` again when a read leaves events, and when more arrive. */
  watchEvents(ready: () => void): EventWatch {
    if (this.ready) throw new KernelError('events are being watched already');
    this.ready = ready;
    this.paused = false;
    this.announce();
    return {
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
        this.announce();
      },
      close: () => {
        if (this.ready === ready) this.ready = undefined;
      },
    };
  }

  readEvents(sink: KernelSink, limit: number): ReadResult {
    if (this.lost) {
      this.lost = false;
      this.announce();
      return ReadResult.OVERRUN;
    }
    const count = Math.min(limit, this.events.size);
    for (let n = 0; n < count; n++) this.events.take(sink);
    if (this.ready !== undefined) this.announce();
    return count === limit ? ReadResult.MORE : ReadResult.DRAINED;
  }

  subscribeNewFlows(subscribed: boolean): void {
    this.newFlowsSubscribed = subscribed;
  }

  dumpFlows(): Dump {
    return this.dumpFlowsWith(0, 0);
  }

  dumpUnansweredFlows(): Dump {
    return this.dumpFlowsWith(0, Status.SEEN_REPLY);
  }

  dumpShiftedFlows(): Dump {
    return this.dumpFlowsWith(Status.SEQ_ADJUST, Status.SEQ_ADJUST);
  }

  /** As the kernel does with CTA_STATUS and CTA_STATUS_MASK. */
  private dumpFlowsWith(status: number, mask: number): Dump {
    const records: Uint8Array[] = [];
    const { table } = this;
    for (let slot = table.oldest; slot >= 0; slot = table.after(slot)) {
      if ((this.statusOf(slot) & mask) === status) records.push(this.recordOf(slot));
    }
    return new MemoryDump('flow', records);
  }

  dumpExpectations(): Dump {
    return new MemoryDump('expectation', this.expectations.records(this.now));
  }

  // ---- Requests ----

  batch(origin: Origin): Batch {
    return new MemoryBatch(origin);
  }

  run(batch: Batch): Int32Array {
    if (!(batch instanceof MemoryBatch)) throw new TypeError('a batch of another kernel');
    const answers = new Int32Array(batch.size);
    for (let n = 0; n < batch.size; n++) {
      const kind = batch.kindOf(n);
      const ask = kind >= RequestType.CREATE_EXPECTATION ? this.askExpectation : this.askFlow;
      answers[n] = ask.call(this, kind, batch, batch.startOf(n), batch.endOf(n), batch.timeoutOf(n));
    }
    return answers;
  }

  openQueue(): BatchQueue {
    return new DirectQueue(this);
  }

  private askFlow(kind: RequestType, batch: MemoryBatch, start: number, end: number, asked: number): number {
    const { attributes, original, table } = this;
    attributes.load(batch.bytes, start, end);
    originalKey(attributes, original);
    // Validates the tuples before any lookup, as the kernel does.
    if (!isAnswerable(original)) return Errno.EINVAL;
    const own = attributes.has(Attr.TIMEOUT) ? attributes.i32(Attr.TIMEOUT) >>> 0 : undefined;
    const timeout = asked || own;
    if (kind === RequestType.CREATE)
      return Math.max(0, -Math.min(0, this.insert(timeout, batch.origin, false)));
    if (kind === RequestType.UPDATE) return this.change(timeout, batch.origin);
    const tuple = table.find(original);
    if (tuple < 0) return Errno.ENOENT;
    if (kind === RequestType.REMOVE) this.delete(tuple >> 1, batch.origin);
    return 0;
  }

  private askExpectation(
    kind: RequestType,
    { bytes, origin }: MemoryBatch,
    start: number,
    end: number,
  ): number {
    const expectation = decodeExpectation(bytes, start, end);
    if (kind === RequestType.CREATE_EXPECTATION) {
      if (expectation.mask === undefined) return Errno.EINVAL;
      return this.insertExpectation(expectation, undefined, origin);
    }
    keyOfTuple(expectation.expected, 0, this.lookupKey);
    if (!this.expectations.has(this.lookupKey)) return Errno.ENOENT;
    if (kind === RequestType.REMOVE_EXPECTATION)
      this.expectations.removeByKey(this.lookupKey, origin, this.now);
    return 0;
  }

  flushExpectations(): void {
    this.expectations.flush(Origin.COMMIT, this.now);
  }

  close(): void {
    this.ready = undefined;
    this.table.clear();
    this.expiry.clear();
    this.expectations.clear();
    this.traffic.clear();
    this.shown.clear();
    this.events.clear();
  }
}
