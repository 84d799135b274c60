import { Change, Origin } from '../flow/change.ts';
import { KernelError } from '../kernel/kernel.ts';
import { hasMovedOn } from '../kernel/moved-on.ts';
import { Item } from '../sync/message-queues.ts';
import { type RecordTable, SlotState } from '../table/record-table.ts';
import type { ExternalCaches } from './external-side.ts';
import type { SyncNode } from './sync-node.ts';

/** From so many flows on it is worth while: to read a table has a cost of its own, however few flows it has. */
export const UNHEARD_FROM = 16_384;

/**
 * Lets the flows of the external cache be committed without hearing what comes of it, flow by flow: to make, to take and
 * to read those events is more than half of the time that a commit takes, and connections wait for it. What the kernel has
 * is read from its table afterwards, and what traffic has brought or changed meanwhile is sent then: late by as much as is
 * left of the commit. Of flows that end the node hears as ever.
 */
export class UnheardCommit {
  private readonly node: SyncNode;
  private readonly from: number;
  /** The reading under way is the one that began when this was the number. */
  private reading = 0;

  /** @param from flows that a cache must have */
  constructor(node: SyncNode, from: number) {
    this.node = node;
    this.from = from;
  }

  /** True if it is worth while: the kernel's table holds not many other flows that would have to be read. */
  suits({ flows }: ExternalCaches): boolean {
    const { node } = this;
    const hears = !node.bypass && node.options.pollSeconds === undefined;
    const { size } = flows.table;
    return hears && size >= this.from && size >= node.replica.internal.flows.table.size;
  }

  /**
   * Resolves when the commit is done. What it brought is being read from then on.
   * @throws KernelError
   */
  async run(external: ExternalCaches, commit: () => Promise<void>): Promise<void> {
    const { kernel } = this.node;
    try {
      kernel.hearFlows(false);
      await commit();
    } finally {
      if (!this.node.isClosed) kernel.hearFlows(true);
      void this.read(external);
    }
  }

  /** Reads no more: all that the internal cache holds is to be forgotten. */
  forget(): void {
    this.reading++;
  }

  /** Expectations too: one whose master was not read yet has passed unheeded. */
  private async read(external: ExternalCaches): Promise<void> {
    const { node } = this;
    const { reader, replica, surroundings } = node;
    const reading = ++this.reading;
    const goOn = (): boolean => reading === this.reading && !node.isClosed;
    // Ends that wait may be of flows that have begun anew since, unheard: they come before what the table says.
    while (goOn() && reader.readSome()) await surroundings.turn();
    if (!goOn()) return;
    const take = (item: 0 | 1, bytes: Uint8Array, length: number): void => {
      const news =
        item === Item.FLOW
          ? isNewFlow(external.flows.table, replica.internal.flows.table, bytes, length)
          : isNewExpectation(external.expectations.table, replica.internal.expectations.table, bytes, length);
      const origin = news ? Origin.OTHER : Origin.COMMIT;
      replica.kernelChange(item, Change.UPDATE, origin, bytes, length, surroundings.now());
    };
    try {
      await node.readKernel('all', take, goOn);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      node.log.error(`reading the kernel's table after the commit: ${error.message}`);
    }
    node.scheduleTransmit();
  }
}

/** True of a flow that is neither as it was committed nor as it was known before. */
function isNewFlow(external: RecordTable, internal: RecordTable, bytes: Uint8Array, length: number): boolean {
  const slot = external.find(bytes, 0, length);
  if (slot >= 0) return isOtherThan(external, slot, bytes, length);
  const known = findAlive(internal, bytes, length);
  return known < 0 || isOtherThan(internal, known, bytes, length);
}

function isOtherThan(table: RecordTable, slot: number, bytes: Uint8Array, length: number): boolean {
  const start = table.offsetOf(slot);
  return hasMovedOn(table.bytesOf(slot), start, start + table.sizeOf(slot), bytes, 0, length);
}

/** The same of an expectation, of which nothing changes. */
function isNewExpectation(
  external: RecordTable,
  internal: RecordTable,
  bytes: Uint8Array,
  length: number,
): boolean {
  return external.find(bytes, 0, length) < 0 && findAlive(internal, bytes, length) < 0;
}

function findAlive(internal: RecordTable, bytes: Uint8Array, length: number): number {
  const slot = internal.find(bytes, 0, length);
  return slot >= 0 && internal.stateOf(slot) !== SlotState.DEAD ? slot : -1;
}
