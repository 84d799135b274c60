/** Reads the kernel's table for a listing. */

import { alignedWordsOf } from '../../bytes/words.ts';
import { ListedFlow } from '../../flow/listed/listed-flow.ts';
import { libc } from '../../system/libc.ts';
import { type NetlinkWriter, NLM_F_DUMP, NLM_F_REQUEST } from '../../system/netlink.ts';
import { Cta, CtnetlinkMessage, NFPROTO_IPV4, NFPROTO_IPV6, Subsystem } from '../codec/ctnetlink-numbers.ts';
import { CompleteDump } from '../ctnetlink/complete-dump.ts';
import { TableDump } from '../ctnetlink/table-dump.ts';
import type { DumpCounters } from '../kernel.ts';
import { readFlowMessage } from './flow-message.ts';

/**
 * What the kernel may leave out of a dump, so that it need not describe it. A kernel that does not know a part of it ignores
 * that part, so whoever asks filters as well.
 */
export interface KernelFilter {
  readonly family?: 4 | 6;
  readonly mark?: { readonly value: number; readonly mask: number };
  /** Only flows whose status has these bits of `mask`. Linux 5.15. */
  readonly status?: { readonly bits: number; readonly mask: number };
  /** Linux 6.8. */
  readonly zone?: number;
}

/** Appends a request for the flows that pass the filter, or more. */
export function putFilteredDump(to: NetlinkWriter, sequence: number, filter: KernelFilter): void {
  const { family, mark, status, zone } = filter;
  const number = family === undefined ? 0 : family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  const flags = NLM_F_REQUEST | NLM_F_DUMP;
  const message = to.message(Subsystem.FLOW, CtnetlinkMessage.GET, flags, sequence, number);
  if (mark !== undefined) {
    to.u32(Cta.MARK, mark.value);
    to.u32(Cta.MARK_MASK, mark.mask);
  }
  if (status !== undefined) {
    to.u32(Cta.STATUS, status.bits);
    to.u32(Cta.STATUS_MASK, status.mask);
  }
  if (zone !== undefined) to.u16(Cta.ZONE, zone);
  to.endMessage(message);
}

/** Called with a flow, which is valid until it returns. `bytes[start, end)` is the message that told of it. */
export type TakeMessage = (flow: ListedFlow, bytes: Uint8Array) => void;

export interface ListingSink {
  readonly take: TakeMessage;
  /** The table was resized, so all is read again: all that was given comes once more, but for what ended meanwhile. */
  restarted(): void;
}

export class TableListing {
  private readonly counters: DumpCounters = { interruptedDumps: 0, incompleteDumps: 0 };
  private readonly dump: CompleteDump<ListingSink>;
  private readonly flow = new ListedFlow();
  private memory: Uint8Array = new Uint8Array(0);
  private words: Int32Array = new Int32Array(0);
  /** Messages that could not be parsed. */
  malformed = 0;

  /** @throws KernelError, Error where this is no Linux that the program knows */
  constructor(filter: KernelFilter = {}) {
    const put = (to: NetlinkWriter, sequence: number) => putFilteredDump(to, sequence, filter);
    const give = (bytes: Uint8Array, start: number, end: number, { take }: ListingSink) =>
      this.give(bytes, start, end, take);
    this.dump = new CompleteDump(() => new TableDump<ListingSink>(libc(), 1, put, give), this.counters);
  }

  /** True if the table was resized again and again, so that a flow may be missing or there twice. */
  get interrupted(): boolean {
    return this.counters.incompleteDumps > 0;
  }

  /**
   * Passes some 200 flows to `sink`. Returns whether these were the last.
   * @throws KernelError
   */
  step(sink: ListingSink): boolean {
    return this.dump.step(sink);
  }

  private give(bytes: Uint8Array, start: number, end: number, take: TakeMessage): void {
    if (this.memory !== bytes) {
      this.memory = bytes;
      this.words = alignedWordsOf(bytes);
    }
    if (readFlowMessage(bytes, this.words, start, end, this.flow)) take(this.flow, bytes);
    else this.malformed++;
  }

  close(): void {
    this.dump.close();
  }
}
