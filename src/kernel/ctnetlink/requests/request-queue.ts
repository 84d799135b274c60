import type { SendRing } from '../../../system/io-uring/send-ring.ts';
import type { Libc } from '../../../system/libc.ts';
import { NativeMemory } from '../../../system/native-memory.ts';
import { ReceiveBatch } from '../../../system/receive-batch.ts';
import type { BatchQueue } from '../../kernel.ts';
import { explain } from '../kernel-errors.ts';
import { ANSWER_TIMEOUT, KERNEL } from '../netfilter-socket.ts';
import { ANSWER_SLOT_SIZE, assertSent, receiveAnswers, type TakeAnswer, unanswered } from './answers.ts';
import { QUEUE_BATCHES, type QueueSocket } from './queue-socket.ts';
import { BATCH_BYTES, BATCH_REQUESTS, type RequestBatch } from './request-batch.ts';

/** Answers that one recvmmsg reads at most. A batch without errors has one. */
const ANSWERS_READ = 64;

/** A batch and what it needs while it is under way. */
interface Place {
  readonly memory: NativeMemory;
  readonly batch: RequestBatch;
  readonly answers: Int32Array;
  /** In the ring, which has its result; else the kernel has executed it already. */
  inRing: boolean;
  /** Whether the answer to its last request was read. */
  isAnswered: boolean;
}

/** Makes an empty batch in this memory. */
export type MakeBatch = (room: Uint8Array) => RequestBatch;

/**
 * Batches that a thread of the kernel executes in the background, see {@link SendRing}. The first one is executed at once, so that a
 * commit of a few flows needs no thread; and where there is no ring, all are.
 */
export class RequestQueue implements BatchQueue {
  private readonly system: Libc;
  private readonly socket: QueueSocket;
  private readonly makeBatch: MakeBatch;
  private readonly received: ReceiveBatch;
  private readonly places: Place[] = [];
  private ring: SendRing | undefined;
  /** Batches sent, and those of them whose answers were taken. Modulo {@link QUEUE_BATCHES} they are places. */
  private sent = 0;
  private taken = 0;

  constructor(system: Libc, socket: QueueSocket, makeBatch: MakeBatch) {
    this.system = system;
    this.socket = socket;
    this.makeBatch = makeBatch;
    this.received = new ReceiveBatch(system, ANSWERS_READ, ANSWER_SLOT_SIZE);
  }

  get underway(): number {
    return this.sent - this.taken;
  }

  get isFull(): boolean {
    return this.underway === QUEUE_BATCHES;
  }

  get batch(): RequestBatch {
    if (this.isFull) throw new RangeError(`${QUEUE_BATCHES} batches are under way`);
    return this.placeOf(this.sent).batch;
  }

  private placeOf(number: number): Place {
    const n = number % QUEUE_BATCHES;
    let place = this.places[n];
    if (place === undefined) {
      const memory = new NativeMemory(BATCH_BYTES);
      const batch = this.makeBatch(memory.bytes);
      place = { memory, batch, answers: new Int32Array(BATCH_REQUESTS), inRing: false, isAnswered: false };
      this.places[n] = place;
    }
    return place;
  }

  send(): void {
    if (this.batch.size === 0) throw new RangeError('an empty batch');
    const place = this.placeOf(this.sent);
    const { writer, size } = place.batch;
    place.answers.fill(0, 0, size);
    place.isAnswered = false;
    if (this.sent === 1) this.ring = this.socket.openRing();
    place.inRing = this.ring !== undefined;
    if (this.ring !== undefined) this.sendThrough(this.ring, place);
    else
      assertSent(
        this.system,
        this.system.sendTo(this.socket.fd, writer.bytes, writer.at, 0, KERNEL),
        writer.at,
      );
    this.sent++;
  }

  /** @throws KernelError if the ring fails */
  private sendThrough(ring: SendRing, { memory, batch }: Place): void {
    try {
      ring.send(this.socket.fd, memory, batch.writer.at);
    } catch (error) {
      this.giveUpRing();
      throw explain(error);
    }
  }

  get isAnswered(): boolean {
    if (this.underway === 0) return false;
    return !this.placeOf(this.taken).inRing || this.ring!.hasResult;
  }

  takeAnswers(): Int32Array {
    if (this.underway === 0) throw new RangeError('no batch is under way');
    const place = this.placeOf(this.taken);
    const { batch, answers } = place;
    const { size, writer } = batch;
    if (place.inRing) {
      const result = this.waitForResult(this.ring!, size);
      this.taken++;
      assertSent(this.system, result, writer.at);
    } else this.taken++;
    // Answers to later batches come along.
    while (!place.isAnswered) receiveAnswers(this.system, this.socket.fd, this.received, size, this.take);
    batch.clear();
    return answers.subarray(0, size);
  }

  private waitForResult(ring: SendRing, size: number): number {
    if (ring.wait(ANSWER_TIMEOUT)) return ring.takeResult();
    this.giveUpRing();
    throw unanswered(size);
  }

  /** Nothing is under way then: whether the kernel executes what is in the ring is unknown. */
  private giveUpRing(): void {
    this.socket.abandonRing();
    this.ring = undefined;
    this.taken = this.sent;
  }

  private readonly take: TakeAnswer = (sequence, errno) => {
    // The batch whose answers are being read has been counted as taken already.
    for (let number = this.taken - 1; number < this.sent; number++) {
      const place = this.placeOf(number);
      const { firstSequence, size } = place.batch;
      const index = (sequence - firstSequence) >>> 0;
      if (index >= size) continue;
      place.answers[index] = errno;
      if (index === size - 1) place.isAnswered = true;
      return;
    }
  };

  close(): void {
    this.forgetUnderway();
    this.places.length = 0;
  }

  private forgetUnderway(): void {
    for (; this.taken < this.sent; this.taken++) {
      if (!this.placeOf(this.taken).inRing) continue;
      const ring = this.ring!;
      if (ring.wait(ANSWER_TIMEOUT)) ring.takeResult();
      else {
        this.giveUpRing();
        return;
      }
    }
  }
}
