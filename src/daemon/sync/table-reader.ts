import { Change } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import type { Dump, Kernel, KernelSink } from '../../kernel/kernel.ts';
import type { FlowTest } from '../common/kernel-flush.ts';
import { readDump } from '../common/kernel-reader.ts';
import type { Runtime } from '../common/runtime.ts';
import type { EndedDuringDumps } from './ended-during-dumps.ts';
import type { RecordFilter } from './record-filter.ts';
import { includesExpectations, type Scope } from './scope.ts';

/** Takes the record `bytes[0, length)` of a dump. */
export type RecordHandler = (item: Item, bytes: Uint8Array, length: number) => void;

/** Reads what is to be replicated of the kernel's table, a part a turn. */
export class TableReader {
  private readonly kernel: Kernel;
  private readonly filter: RecordFilter;
  private readonly ended: EndedDuringDumps;
  private readonly options: { readonly expectationSync: boolean | readonly string[] };
  private readonly runtime: Runtime;
  private readonly isPeers: FlowTest;

  /** @param isPeers whether a flow is the peer's, and not ours to send */
  constructor(
    kernel: Kernel,
    filter: RecordFilter,
    ended: EndedDuringDumps,
    options: { readonly expectationSync: boolean | readonly string[] },
    runtime: Runtime,
    isPeers: FlowTest = () => false,
  ) {
    this.kernel = kernel;
    this.filter = filter;
    this.ended = ended;
    this.options = options;
    this.runtime = runtime;
    this.isPeers = isPeers;
  }

  /**
   * Gives the records to `handle` while `isWanted` returns true.
   * @param dumpFlows begins the dump of flows
   * @throws KernelError
   */
  async read(
    scope: Scope,
    handle: RecordHandler,
    isWanted: () => boolean,
    dumpFlows: () => Dump = () => this.kernel.dumpFlows(),
  ): Promise<void> {
    const sink: KernelSink = {
      flow: (_change, _origin, bytes, length) => {
        if (this.accepts(Item.FLOW, bytes, length)) handle(Item.FLOW, bytes, length);
      },
      expectation: (_change, _origin, bytes, length) => {
        if (this.accepts(Item.EXPECTATION, bytes, length)) handle(Item.EXPECTATION, bytes, length);
      },
      traffic: () => {},
    };
    const { yieldToLoop } = this.runtime;
    this.ended.beginDump();
    try {
      if (scope !== 'expectations') await readDump(dumpFlows(), sink, isWanted, yieldToLoop);
      if (includesExpectations(scope, this.options)) {
        await readDump(this.kernel.dumpExpectations(), sink, isWanted, yieldToLoop);
      }
    } finally {
      this.ended.endDump();
    }
  }

  /**
   * Returns whether the record `bytes[0, length)` of a dump is to be replicated: the filter lets it through, and no event
   * has reported its end.
   * @throws KernelError
   */
  accepts(item: Item, bytes: Uint8Array, length: number): boolean {
    if (item === Item.FLOW) {
      return (
        this.filter.acceptsFlow(Change.UPDATE, bytes, length) &&
        !this.ended.has(item, bytes, length) &&
        !this.isPeers(bytes, length)
      );
    }
    return !this.ended.has(item, bytes, length) && this.filter.acceptsExpectation(bytes, length);
  }
}
