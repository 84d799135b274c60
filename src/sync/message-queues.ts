import { assert } from '../bytes/assert.ts';
import { Item } from '../flow/item.ts';
import { after, before } from '../wire/sequence.ts';

/** What a node stands for: a record of one of the caches, or a control message. */
export const QueueItem = {
  FLOW: Item.FLOW,
  EXPECTATION: Item.EXPECTATION,
  CONTROL: 2,
} as const;
export type QueueItem = (typeof QueueItem)[keyof typeof QueueItem];

/** Initial capacity in nodes: fewer than a warm-up needs, as with the slots of a `RecordTable`. */
const INITIAL_NODES = 256;
/**
 * Maximum number of control messages waiting to be sent: many times what one turn of the link brings with a gap in every
 * datagram. Without a limit, a peer whose numbers jump would fill our memory with answers faster than they are sent.
 */
export const CONTROLS_WAITING_MAX = 8192;
/** Numbers that are remembered of a message that is sent again and again. */
export const REPEATS_MAX = 16;
const NO_NUMBERS: readonly number[] = [];
/** The queues: each is a ring through a node of its own, which has this number. */
const CONTROL = 0;
const RECORDS = 1;
const RESEND = 2;
const QUEUES = 3;
/** The other states of a node: taken out of its queue, or not in use. */
const IN_NONE = QUEUES;
const FREE = QUEUES + 1;

/**
 * The transmit queues and the resend queue. Every message that is to be sent, and every message that was sent and not
 * acknowledged, is a node in exactly one of them. Nodes are numbers from {@link QUEUES} on, so 0 can mean none.
 *
 * Control messages are transmitted before records, so that what a peer waits for is never behind a bulk. The peer
 * cannot tell, because sequence numbers are given on sending.
 *
 * The resend queue is in the order of its sequence numbers, because a node enters it at the end with the newest
 * number.
 */
export class MessageQueues {
  /** Maximum number of nodes in the resend queue: ResendQueueSize. */
  readonly resendLimit: number;
  private next = new Uint32Array(INITIAL_NODES);
  private prev = new Uint32Array(INITIAL_NODES);
  /** The queue that a node is in, {@link IN_NONE} or {@link FREE}. */
  private queue = new Uint8Array(INITIAL_NODES).fill(IN_NONE);
  private items = new Uint8Array(INITIAL_NODES);
  /** For a record: its slot. For a control message: its flags. */
  private values = new Uint32Array(INITIAL_NODES);
  private sequences = new Uint32Array(INITIAL_NODES);
  /** See {@link pendingAcksOf}. */
  private pendingAcks = new Uint32Array(INITIAL_NODES);
  /** Of a message that is sent again as it was: the numbers under which it was sent before, oldest first, by node. */
  private readonly repeats = new Map<number, number[]>();
  /** The range of control messages, by node. */
  private readonly ranges = new Map<number, { readonly from: number; readonly to: number }>();
  /** The first of the nodes that were freed, which `next` links. */
  private free = 0;
  /** Nodes below this have been used. */
  private used = QUEUES;
  private readonly counts = new Uint32Array(QUEUES);
  private evicted = 0;
  private refused = 0;

  constructor(resendLimit: number) {
    this.resendLimit = resendLimit;
    for (let queue = 0; queue < QUEUES; queue++) {
      this.next[queue] = queue;
      this.prev[queue] = queue;
    }
  }

  get transmitLength(): number {
    return this.counts[CONTROL]! + this.counts[RECORDS]!;
  }

  get hasControls(): boolean {
    return this.counts[CONTROL]! > 0;
  }

  get hasRecords(): boolean {
    return this.counts[RECORDS]! > 0;
  }

  /** Records waiting to be sent. */
  get recordsWaiting(): number {
    return this.counts[RECORDS]!;
  }

  get resendLength(): number {
    return this.counts[RESEND]!;
  }

  /**
   * Control messages in the queues. The C node counts these as allocated queue nodes: its records have nodes of their
   * own.
   */
  get controlNodes(): number {
    return this.ranges.size;
  }

  /** Nodes evicted from a full resend queue: the C node's "not enough space errors". */
  get evictions(): number {
    return this.evicted;
  }

  /** Control messages dropped because too many were waiting. */
  get refusals(): number {
    return this.refused;
  }

  /** A new node for a record, in no queue yet. */
  createRecord(item: Item, slot: number): number {
    return this.allocate(item, slot);
  }

  /** A new node for a control message, in no queue yet. */
  createControl(flags: number, from: number, to: number): number {
    const node = this.allocate(QueueItem.CONTROL, flags);
    this.ranges.set(node, { from, to });
    return node;
  }

  /** Puts a new control message at the end of its transmit queue. If too many wait, it is dropped and counted. */
  transmitControl(flags: number, from: number, to: number): void {
    if (this.counts[CONTROL]! >= CONTROLS_WAITING_MAX) this.refused++;
    else this.transmit(this.createControl(flags, from, to));
    assert(
      this.ranges.size <= this.resendLimit + CONTROLS_WAITING_MAX,
      'too many control messages are queued',
    );
  }

  itemOf(node: number): QueueItem {
    return this.items[node] as QueueItem;
  }

  /** The cache that the record of a node is in. Only for nodes of records. */
  recordItemOf(node: number): Item {
    assert(this.items[node] !== QueueItem.CONTROL, 'a control message is taken for a record');
    return this.items[node] as Item;
  }

  /** The slot of the record. Only for nodes of records. */
  slotOf(node: number): number {
    return this.values[node]!;
  }

  /** The flags of the control message. Only for nodes of control messages. */
  flagsOf(node: number): number {
    return this.values[node]!;
  }

  fromOf(node: number): number {
    return this.ranges.get(node)!.from;
  }

  toOf(node: number): number {
    return this.ranges.get(node)!.to;
  }

  /** The number under which the node was sent last. */
  sequenceOf(node: number): number {
    return this.sequences[node]!;
  }

  /**
   * Puts the node at the end of its transmit queue, unless it waits there already. What it stands for may have changed: everybody
   * has to acknowledge it.
   */
  transmit(node: number): void {
    this.repeats.delete(node);
    this.queueUp(node);
  }

  /** Puts a node of the resend queue at the end of its transmit queue, as it is: who has acknowledged it need not do so again. */
  repeat(node: number): void {
    assert(this.queue[node] === RESEND, 'a message is repeated that is not in the resend queue');
    const numbers = this.repeats.get(node) ?? [];
    if (numbers.length === REPEATS_MAX) numbers.shift();
    numbers.push(this.sequences[node]!);
    this.repeats.set(node, numbers);
    this.queueUp(node);
  }

  /** The nodes that were repeated and are the same since, sent or not. */
  repeatedNodes(): Iterable<number> {
    return this.repeats.keys();
  }

  /** The numbers under which a node was sent before it was repeated, oldest first; {@link REPEATS_MAX} at most. */
  repeatsOf(node: number): readonly number[] {
    return this.repeats.get(node) ?? NO_NUMBERS;
  }

  /** Whether the node is in the resend queue. */
  isInResend(node: number): boolean {
    return this.queue[node] === RESEND;
  }

  /** Whether the node is in the resend queue under this number. */
  isKept(node: number, sequence: number): boolean {
    return this.isInResend(node) && this.sequences[node] === sequence;
  }

  private queueUp(node: number): void {
    const queue = this.items[node] === QueueItem.CONTROL ? CONTROL : RECORDS;
    if (this.queue[node] === queue) return;
    this.unlink(node);
    this.append(queue, node);
  }

  /** Takes the first control message out of its transmit queue, 0 if there is none. */
  shiftControl(): number {
    return this.shift(CONTROL);
  }

  /** Takes the first record out of its transmit queue, 0 if there is none. */
  shiftRecord(): number {
    return this.shift(RECORDS);
  }

  /** Who still has to acknowledge the node in the resend queue, as bits that the engine defines. */
  pendingAcksOf(node: number): number {
    return this.pendingAcks[node]!;
  }

  setPendingAcks(node: number, pendingAcks: number): void {
    assert(
      this.queue[node] === RESEND || this.repeats.has(node),
      'a message awaits ACKs that is not in the resend queue',
    );
    this.pendingAcks[node] = pendingAcks;
  }

  /**
   * Appends the node, which was sent under this number, to the resend queue. One that was repeated keeps its pending ACKs. Returns the node that was evicted from the
   * full queue and is now in none: the oldest, or `node` itself if the limit is 0. Returns 0 if there was room.
   */
  keep(node: number, sequence: number, pendingAcks: number): number {
    let evicted = 0;
    if (this.counts[RESEND]! >= this.resendLimit) {
      this.evicted++;
      evicted = this.next[RESEND]!;
      if (evicted === RESEND) return node;
      this.unlink(evicted);
    }
    const newest = this.prev[RESEND]!;
    assert(
      newest === RESEND || before(this.sequences[newest]!, sequence),
      'a number is not behind the resend queue',
    );
    this.sequences[node] = sequence;
    if (!this.repeats.has(node)) this.pendingAcks[node] = pendingAcks;
    this.append(RESEND, node);
    assert(this.counts[RESEND]! <= this.resendLimit, 'the resend queue is larger than its limit');
    return evicted;
  }

  /** The oldest node of the resend queue whose number is not before `from` and not after `to`; 0 if there is none. */
  firstInRange(from: number, to: number): number {
    let node = this.next[RESEND]!;
    while (node !== RESEND && before(this.sequences[node]!, from)) node = this.next[node]!;
    return node === RESEND || after(this.sequences[node]!, to) ? 0 : node;
  }

  /** The node after `node` in the resend queue if its number is not after `to`; 0 if there is none. */
  nextInRange(node: number, to: number): number {
    const following = this.next[node]!;
    return following === RESEND || after(this.sequences[following]!, to) ? 0 : following;
  }

  /** The oldest node of the resend queue; 0 if it is empty. */
  firstResend(): number {
    const node = this.next[RESEND]!;
    return node === RESEND ? 0 : node;
  }

  /** The node after `node` in the resend queue; 0 if there is none. */
  nextResend(node: number): number {
    const following = this.next[node]!;
    return following === RESEND ? 0 : following;
  }

  /** Takes the node out of its queue, if it is in one, and frees it. */
  remove(node: number): void {
    assert(node >= QUEUES && this.queue[node] !== FREE, 'a node is freed twice');
    this.unlink(node);
    this.queue[node] = FREE;
    if (this.items[node] === QueueItem.CONTROL) this.ranges.delete(node);
    this.repeats.delete(node);
    this.next[node] = this.free;
    this.free = node;
  }

  private allocate(item: QueueItem, value: number): number {
    let node = this.free;
    if (node !== 0) {
      assert(this.queue[node] === FREE, 'a node in use is taken for free');
      this.free = this.next[node]!;
    } else {
      if (this.used === this.next.length) this.grow();
      node = this.used++;
    }
    this.queue[node] = IN_NONE;
    this.items[node] = item;
    this.values[node] = value;
    return node;
  }

  private shift(queue: number): number {
    const node = this.next[queue]!;
    if (node === queue) return 0;
    this.unlink(node);
    return node;
  }

  private append(queue: number, node: number): void {
    assert(this.queue[node] === IN_NONE, 'a node enters a queue that is in another one, or is free');
    const last = this.prev[queue]!;
    this.next[last] = node;
    this.prev[node] = last;
    this.next[node] = queue;
    this.prev[queue] = node;
    this.queue[node] = queue;
    this.counts[queue]!++;
  }

  private unlink(node: number): void {
    const queue = this.queue[node]!;
    if (queue >= QUEUES) return;
    this.next[this.prev[node]!] = this.next[node]!;
    this.prev[this.next[node]!] = this.prev[node]!;
    this.queue[node] = IN_NONE;
    assert(this.counts[queue]! > 0, 'a node leaves an empty queue');
    this.counts[queue]!--;
  }

  private grow(): void {
    const more = 2 * this.next.length;
    this.next = widened(this.next, new Uint32Array(more));
    this.prev = widened(this.prev, new Uint32Array(more));
    this.queue = widened(this.queue, new Uint8Array(more));
    this.items = widened(this.items, new Uint8Array(more));
    this.values = widened(this.values, new Uint32Array(more));
    this.sequences = widened(this.sequences, new Uint32Array(more));
    this.pendingAcks = widened(this.pendingAcks, new Uint32Array(more));
  }
}

function widened<T extends Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
