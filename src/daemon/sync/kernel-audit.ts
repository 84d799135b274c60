import { Change, Origin } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import { EXPECTATION_KIND, FLOW_KIND } from '../../kernel/apply/record-kind.ts';
import type { Kernel, KernelSink } from '../../kernel/kernel.ts';
import type { Replica } from '../../sync/replica.ts';
import type { SharedFlows } from '../../sync/several/shared-flows.ts';
import { TableAudit } from '../common/table-audit.ts';

/** Returns whether the flow or expectation `bytes[0, length)` of a dump is to be replicated. */
export type AuditTest = (bytes: Uint8Array, length: number) => boolean;

/**
 * Brings one of the internal caches back in line with the kernel's table: updates and sends what the dump shows, purges what
 * is gone, and tells the peer.
 * @param clock the replica's clock, in ms
 * @param shared with several active nodes: takes the flows instead
 */
export function auditReplica(
  kernel: Kernel,
  replica: Replica,
  item: Item,
  test: AuditTest,
  clock: () => number,
  shared?: SharedFlows,
): TableAudit {
  const flows = item === Item.FLOW ? shared : undefined;
  const take: KernelSink['flow'] = (_change, _origin, bytes, length) => {
    if (!test(bytes, length)) return;
    if (flows) flows.handleDumped(bytes, length, clock());
    else replica.handleKernelChange(item, Change.UPDATE, Origin.OTHER, bytes, length, clock());
  };
  const isFlow = item === Item.FLOW;
  return new TableAudit(
    kernel,
    isFlow ? FLOW_KIND : EXPECTATION_KIND,
    isFlow ? replica.internal.flows : replica.internal.expectations,
    { flow: take, expectation: take, traffic: () => {} },
    (slot) => (flows ? flows.handleGone(slot) : replica.purge(item, slot)),
  );
}
