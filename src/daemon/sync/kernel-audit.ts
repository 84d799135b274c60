import { Item } from '../../flow/item.ts';
import { EXPECTATION_KIND, FLOW_KIND } from '../../kernel/apply/record-kind.ts';
import type { Kernel, KernelSink } from '../../kernel/kernel.ts';
import type { AuditedRecords } from '../../sync/internal/internal-records.ts';
import { TableAudit } from '../common/table-audit.ts';

/** Returns whether the flow or expectation `bytes[0, length)` of a dump is to be replicated. */
export type AuditTest = (bytes: Uint8Array, length: number) => boolean;

/**
 * Compares records of the internal side with the kernel's table.
 * @param test which entries of the dump `take` gets
 * @param take an entry, the record `bytes[0, length)`
 * @param gone the slot of a record that the kernel does not have any more
 */
export function auditRecords(
  kernel: Kernel,
  { item, cache }: AuditedRecords,
  test: AuditTest,
  take: (bytes: Uint8Array, length: number) => void,
  gone: (slot: number) => void,
): TableAudit {
  const takeEntry: KernelSink['flow'] = (_change, _origin, bytes, length) => {
    if (test(bytes, length)) take(bytes, length);
  };
  const sink: KernelSink = { flow: takeEntry, expectation: takeEntry, traffic: () => {} };
  return new TableAudit(kernel, item === Item.FLOW ? FLOW_KIND : EXPECTATION_KIND, cache, sink, gone);
}

/**
 * Brings records of the internal side back in line with the kernel's table, where events were lost or none are read: updates and
 * sends what the dump shows, and handles what is gone.
 * @param clock the engine's clock, in ms
 */
export function resendRecords(
  kernel: Kernel,
  records: AuditedRecords,
  test: AuditTest,
  clock: () => number,
): TableAudit {
  return auditRecords(
    kernel,
    records,
    test,
    (bytes, length) => records.resend(bytes, length, clock()),
    (slot) => records.handleGone(slot),
  );
}
