import { Item } from '../flow/item.ts';
import { after, before } from '../wire/sequence.ts';

/** What a node of the queues stands for: a record, or a control message. */
export const QueueItem = {
  FLOW: Item.FLOW,
  EXPECTATION: Item.EXPECTATION,
  CONTROL: 2,
} as const;
export type QueueItem = (typeof QueueItem)[keyof typeof QueueItem];

const NODES_FIRST = 1024;
/**
 * Control messages that wait at most: many times what a link brings in one turn with a gap in every datagram. Without a
 * limit whoever sends numbers that jump would fill our memory with answers faster than they are sent.
 */
export const CONTROLS_WAITING_MAX = 8192;
/** The queues' own nodes; a queue is a ring through one of these. */
const CONTROL = 0;
const RECORDS = 1;
const RESEND = 2;
const QUEUES = 3;
const IN_NONE = QUEUES;

/**
 * The transmit queue and the resend queue: every message that is to be sent, and every message that was sent and not
 * acknowledged, is one node in one of them. Nodes are numbers above 0, so 0 can mean none.
 *
 * Control messages are transmitted before records. Numbers are given out on sending, so the peer cannot tell; and what
 * the peer waits for never stands behind a bulk.
 *
 * The resend queue is always in the order of its sequence numbers, because a node enters it at the end with a number
 * just taken.
 */
export class MessageQueues {
  /** Resend queue elements at most: ResendQueueSize. */
  readonly resendLimit: number;
  private next = new Uint32Array(NODES_FIRST);
  private prev = new Uint32Array(NODES_FIRST);
  private queue = new Uint8Array(NODES_FIRST).fill(IN_NONE);
  private items = new Uint8Array(NODES_FIRST);
  /** For a record: its slot. For a control message: its flags. */
  private values = new Uint32Array(NODES_FIRST);
  private sequences = new Uint32Array(NODES_FIRST);
  /** See {@link pendingAcksOf}. */
  private pendingAcks = new Uint32Array(NODES_FIRST);
  /** The range of control messages, by node. */
  private readonly ranges = new Map<number, { readonly from: number; readonly to: number }>();
  private free = 0;
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

  get controlsWait(): boolean {
    return this.counts[CONTROL]! > 0;
  }

  get recordsWait(): boolean {
    return this.counts[RECORDS]! > 0;
  }

  get resendLength(): number {
    return this.counts[RESEND]!;
  }

  /** Control messages in the queues: what the C node counts as allocated queue nodes, its records bringing their own. */
  get controlNodes(): number {
    return this.ranges.size;
  }

  /** How often the resend queue was full and its oldest node made room: the C node's "not enough space errors". */
  get evictions(): number {
    return this.evicted;
  }

  /** Control messages that are not sent because too many waited. */
  get refusals(): number {
    return this.refused;
  }

  /** A new node for a record, in no queue yet. */
  record(item: Item, slot: number): number {
    return this.allocate(item, slot);
  }

  /** A new node for a control message, in no queue yet. */
  control(flags: number, from: number, to: number): number {
    const node = this.allocate(QueueItem.CONTROL, flags);
    this.ranges.set(node, { from, to });
    return node;
  }

  /** Puts a new control message at the end of the transmit queue; where too many wait, it is counted instead. */
  transmitControl(flags: number, from: number, to: number): void {
    if (this.counts[CONTROL]! >= CONTROLS_WAITING_MAX) this.refused++;
    else this.transmit(this.control(flags, from, to));
  }

  itemOf(node: number): QueueItem {
    return this.items[node] as QueueItem;
  }

  /** Which kind of record a record's node stands for. */
  recordItemOf(node: number): Item {
    return this.items[node] as Item;
  }

  /** Slot of a record's node. */
  slotOf(node: number): number {
    return this.values[node]!;
  }

  /** Flags of a control message's node. */
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

  /** Puts the node at the end of the transmit queue, unless it waits there already. */
  transmit(node: number): void {
    const queue = this.items[node] === QueueItem.CONTROL ? CONTROL : RECORDS;
    if (this.queue[node] === queue) return;
    this.unlink(node);
    this.append(queue, node);
  }

  /** Takes the first control message out of the transmit queue, 0 if there is none. */
  shiftControl(): number {
    return this.shift(CONTROL);
  }

  /** Takes the first record out of the transmit queue, 0 if there is none. */
  shiftRecord(): number {
    return this.shift(RECORDS);
  }

  /** Whose acknowledgement the node in the resend queue waits for: bits whose meaning is the engine's. */
  pendingAcksOf(node: number): number {
    return this.pendingAcks[node]!;
  }

  setPendingAcks(node: number, waits: number): void {
    this.pendingAcks[node] = waits;
  }

  /**
   * Puts the node, sent under this number, at the end of the resend queue, where it waits for `waits`. Returns the oldest node, now in no queue,
   * if it had to make room, else 0.
   */
  keep(node: number, sequence: number, waits: number): number {
    let evicted = 0;
    if (this.counts[RESEND]! >= this.resendLimit) {
      this.evicted++;
      evicted = this.next[RESEND]!;
      if (evicted === RESEND) return node;
      this.unlink(evicted);
    }
    this.sequences[node] = sequence;
    this.pendingAcks[node] = waits;
    this.append(RESEND, node);
    return evicted;
  }

  /** The oldest node of the resend queue whose number is not before `from` and not after `to`; 0 if there is none. */
  firstInRange(from: number, to: number): number {
    let node = this.next[RESEND]!;
    while (node !== RESEND && before(this.sequences[node]!, from)) node = this.next[node]!;
    return node === RESEND || after(this.sequences[node]!, to) ? 0 : node;
  }

  /** The node behind `node` in the resend queue if its number is not after `to`; 0 if there is none. */
  nextInRange(node: number, to: number): number {
    const following = this.next[node]!;
    return following === RESEND || after(this.sequences[following]!, to) ? 0 : following;
  }

  firstResend(): number {
    const node = this.next[RESEND]!;
    return node === RESEND ? 0 : node;
  }

  nextResend(node: number): number {
    const following = this.next[node]!;
    return following === RESEND ? 0 : following;
  }

  /** Takes the node out of its queue, if it is in one, and makes its number free. */
  remove(node: number): void {
    this.unlink(node);
    if (this.items[node] === QueueItem.CONTROL) this.ranges.delete(node);
    this.next[node] = this.free;
    this.free = node;
  }

  private allocate(item: QueueItem, value: number): number {
    let node = this.free;
    if (node !== 0) this.free = this.next[node]!;
    else {
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
    if (queue === IN_NONE) return;
    this.next[this.prev[node]!] = this.next[node]!;
    this.prev[this.next[node]!] = this.prev[node]!;
    this.queue[node] = IN_NONE;
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
