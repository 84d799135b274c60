import { Attr } from '../../wire/attribute.ts';
import { ExpAttr } from '../../wire/expectation-attributes.ts';
import type { Batch, Dump, Kernel } from '../kernel.ts';

/** How to request changes of one kind of record, `bytes[start, end)`, from the kernel. */
export interface RecordKind {
  /** The type of the TIMEOUT attribute. */
  readonly timeout: number;
  /** See `Batch.create`; `liberal` does not apply to expectations. */
  create(
    batch: Batch,
    bytes: Uint8Array,
    start: number,
    end: number,
    timeout: number,
    liberal: boolean,
  ): void;
  remove(batch: Batch, bytes: Uint8Array, start: number, end: number): void;
  probe(batch: Batch, bytes: Uint8Array, start: number, end: number): void;
  dump(kernel: Kernel): Dump;
}

export const FLOW_KIND: RecordKind = {
  timeout: Attr.TIMEOUT,
  create: (batch, bytes, start, end, timeout, liberal) => batch.create(bytes, start, end, timeout, liberal),
  remove: (batch, bytes, start, end) => batch.remove(bytes, start, end),
  probe: (batch, bytes, start, end) => batch.probe(bytes, start, end),
  dump: (kernel) => kernel.dumpFlows(),
};

export const EXPECTATION_KIND: RecordKind = {
  timeout: ExpAttr.TIMEOUT,
  create: (batch, bytes, start, end, timeout) => batch.createExpectation(bytes, start, end, timeout),
  remove: (batch, bytes, start, end) => batch.removeExpectation(bytes, start, end),
  probe: (batch, bytes, start, end) => batch.probeExpectation(bytes, start, end),
  dump: (kernel) => kernel.dumpExpectations(),
};
