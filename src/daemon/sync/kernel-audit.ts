import { Change, Origin } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import { EXPECTATION_KIND, FLOW_KIND } from '../../kernel/apply/record-kind.ts';
import type { Kernel, KernelSink } from '../../kernel/kernel.ts';
import type { Replica } from '../../sync/replica.ts';
import { TableAudit } from '../common/table-audit.ts';

/** Tells whether the flow or expectation `bytes[0, length)` of a dump counts. */
export type AuditTest = (bytes: Uint8Array, length: number) => boolean;

/**
 * Brings one of the internal caches back in line with the kernel's table: what the dump shows is updated and sent, what is
 * gone is purged, and the peer told.
 * @param clock the replica's, in milliseconds
 */
export function auditReplica(
  kernel: Kernel,
  replica: Replica,
  item: Item,
  test: AuditTest,
  clock: () => number,
): TableAudit {
  const take: KernelSink['flow'] = (_change, _origin, bytes, length) => {
    if (test(bytes, length)) replica.kernelChange(item, Change.UPDATE, Origin.OTHER, bytes, length, clock());
  };
  const isFlow = item === Item.FLOW;
  return new TableAudit(
    kernel,
    isFlow ? FLOW_KIND : EXPECTATION_KIND,
    isFlow ? replica.internal.flows : replica.internal.expectations,
    { flow: take, expectation: take, traffic: () => {} },
    (slot) => replica.purge(item, slot),
  );
}
