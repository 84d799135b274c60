import { writeU32 } from '../../bytes/integers.ts';
import { wordsOf } from '../../bytes/words.ts';
import { Change, Origin } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import type { Commit } from '../../kernel/apply/commit.ts';
import { KernelError } from '../../kernel/kernel.ts';
import { secondsOf } from '../../sync/replica.ts';
import { RecordLog } from '../../table/record-log.ts';
import { type RecordTable, SlotState } from '../../table/record-table.ts';
import { Attr, RECORD_MAX, TLV_HEADER } from '../../wire/attribute.ts';
import { findAttribute } from '../../wire/record.ts';
import type { ExternalCaches } from './external-side.ts';
import type { SyncNode } from './sync-node.ts';

/** From so many flows on it is worth while: to look through the kernel's table has a cost of its own, however few it has. */
export const QUIET_COMMIT_MIN = 16_384;

/** Flows taken into the internal cache before everything else gets its turn: about a millisecond. */
const TAKEN_A_TURN = 1024;

/**
 * Lets the flows of the external cache be committed without the kernel's telling of each: to make, to take and to read those
 * events is more than half of the time that a commit takes, and connections wait for it. What the commit has created is
 * noted as it was committed, and taken into the internal cache afterwards.
 *
 * Of flows that change or end the node hears as ever. Two things it does not hear, and looks for then:
 * - flows that traffic has begun meanwhile. Those that were answered since were told of as changed: the rest are
 *   those that no packet has answered, and the kernel can be asked for these alone.
 * - that a flow whose end was told of is there again: because the commit replaced it, or came just after its end.
 */
export class QuietCommit {
  private readonly node: SyncNode;
  private readonly from: number;
  private readonly record = new Uint8Array(RECORD_MAX);
  private readonly words = wordsOf(this.record);
  private readonly created = new RecordLog();
  /** The look afterwards that is under way is the one that began when this was the number. */
  private look = 0;

  /** @param from flows that a cache must have */
  constructor(node: SyncNode, from: number) {
    this.node = node;
    this.from = from;
  }

  /** True if it is worth while, even if the kernel should only know how to dump all of its flows. */
  suits({ flows }: ExternalCaches): boolean {
    const { node } = this;
    const hears = !node.bypass && node.options.pollSeconds === undefined;
    const { size } = flows.table;
    return hears && size >= this.from && size >= node.replica.internal.flows.table.size;
  }

  /**
   * Resolves when the commit is done. What it has not told by itself is being looked for from then on.
   * @param run carries the commit out, and calls what it is given after each of its steps
   * @throws KernelError
   */
  async run(
    external: ExternalCaches,
    commit: Commit,
    run: (stepped: () => void) => Promise<void>,
  ): Promise<void> {
    const { node } = this;
    let whole = false;
    node.beginDump();
    try {
      node.kernel.subscribeNewFlows(false);
      await run(() => {
        const seconds = secondsOf(node.runtime.now());
        for (const slot of commit.created) this.note(external.flows.table, slot, commit, seconds);
      });
      whole = true;
    } finally {
      try {
        if (!node.isClosed) node.kernel.subscribeNewFlows(true);
      } finally {
        void this.lookAfter(external, commit, whole);
      }
    }
  }

  /** Looks no more: all that the internal cache holds is to be forgotten. */
  forget(): void {
    this.look++;
    this.created.clear();
  }

  /** Notes a flow that the commit has created, with the timeout that it was given. */
  private note(table: RecordTable, slot: number, commit: Commit, seconds: number): void {
    const { created } = this;
    const size = table.sizeOf(slot);
    const at = created.add(table.bytesOf(slot), table.wordsOf(slot), table.offsetOf(slot), size);
    const timeout = findAttribute(created.newest, at, at + size, Attr.TIMEOUT);
    if (timeout >= 0) writeU32(created.newest, timeout + TLV_HEADER, commit.timeoutOf(slot, seconds));
  }

  /**
   * Takes what was noted into the internal cache, unless the kernel has told of it since: then it is there already, or its
   * end was told of, and the kernel has to be asked.
   */
  private async takeCreated(goOn: () => boolean): Promise<void> {
    const { node, record, words, created } = this;
    const { replica, endedFlows, runtime } = node;
    const { table } = replica.internal.flows;
    while (goOn()) {
      for (let left = TAKEN_A_TURN; left > 0; left--) {
        const size = created.take(record, words);
        if (size === 0) return;
        const told = isAlive(table, record, 0, size) || endedFlows.find(record, 0, size) >= 0;
        if (!told) this.take(size);
      }
      await runtime.yieldToLoop();
    }
  }

  /** Takes the flow whose record is at hand, with this size, into the internal cache. */
  private take(size: number): void {
    const { node, record } = this;
    if (!node.passes(Change.NEW, record, size)) return;
    const now = node.runtime.now();
    node.replica.handleKernelChange(Item.FLOW, Change.NEW, Origin.COMMIT, record, size, now);
  }

  /** @param whole whether the commit has come to its end, and all that it created is noted */
  private async lookAfter(external: ExternalCaches, commit: Commit, whole: boolean): Promise<void> {
    const { node } = this;
    const look = ++this.look;
    const goOn = (): boolean => look === this.look && !node.isClosed;
    const { bulks } = node.counters;
    let asTold = whole;
    try {
      // What waits tells of what was before: of ends that the commit came after, above all.
      while (goOn() && node.reader.readSome()) await node.runtime.yieldToLoop();
      await this.takeCreated(goOn);
      await this.takeReplaced(external.flows.table, commit, goOn);
    } catch (error) {
      this.failed(error);
      asTold = false;
    } finally {
      node.endDump();
    }
    const dump = () => (asTold ? node.kernel.dumpUnansweredFlows() : node.kernel.dumpFlows());
    try {
      if (goOn())
        await node.readKernel('all', (...found) => this.takeUnknown(external, ...found), goOn, dump);
    } catch (error) {
      this.failed(error);
    }
    if (!goOn()) return;
    this.created.clear();
    // Whoever has asked for all meanwhile did not get all.
    if (node.counters.bulks !== bulks) node.engine.sendBulk();
    node.scheduleTransmit();
  }

  /** Asks the kernel for the flows whose end was told of, and takes those that are there again as they were committed. */
  private async takeReplaced(table: RecordTable, commit: Commit, goOn: () => boolean): Promise<void> {
    const { kernel, replica, runtime, endedFlows } = this.node;
    const batch = kernel.batch(Origin.COMMIT);
    const asked: number[] = [];
    const ask = (): void => {
      const answers = kernel.run(batch);
      const seconds = secondsOf(runtime.now());
      asked.forEach((slot, n) => {
        if (answers[n] !== 0) return;
        this.note(table, slot, commit, seconds);
        this.take(this.created.take(this.record, this.words));
      });
      asked.length = 0;
      batch.clear();
    };
    for (let ended = 0; ended < endedFlows.slots && goOn(); ended++) {
      if (endedFlows.stateOf(ended) === SlotState.FREE) continue;
      const bytes = endedFlows.bytesOf(ended);
      const start = endedFlows.offsetOf(ended);
      const end = start + endedFlows.sizeOf(ended);
      const slot = table.find(bytes, start, end);
      if (slot < 0 || isAlive(replica.internal.flows.table, bytes, start, end)) continue;
      batch.probe(bytes, start, end);
      asked.push(slot);
      if (!batch.full) continue;
      ask();
      await runtime.yieldToLoop();
    }
    if (asked.length > 0 && goOn()) ask();
  }

  /**
   * Takes what the kernel has and the internal cache has not. Expectations, too: one whose master was not known has passed
   * unheeded, whether traffic or the commit brought it.
   */
  private takeUnknown(external: ExternalCaches, item: Item, bytes: Uint8Array, length: number): void {
    const { replica, runtime } = this.node;
    const kind = item === Item.FLOW ? 'flows' : 'expectations';
    if (isAlive(replica.internal[kind].table, bytes, 0, length)) return;
    const committed = item === Item.EXPECTATION && external.expectations.table.find(bytes, 0, length) >= 0;
    const origin = committed ? Origin.COMMIT : Origin.OTHER;
    replica.handleKernelChange(item, Change.UPDATE, origin, bytes, length, runtime.now());
  }

  private failed(error: unknown): void {
    if (!(error instanceof KernelError)) throw error;
    this.node.log.error(`reading the kernel's table after the commit: ${error.message}`);
  }
}

function isAlive(table: RecordTable, bytes: Uint8Array, start: number, end: number): boolean {
  const slot = table.find(bytes, start, end);
  return slot >= 0 && table.stateOf(slot) !== SlotState.DEAD;
}
