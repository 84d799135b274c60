import { Change, Origin } from '../flow/change.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { Item } from '../sync/message-queues.ts';
import type { Replica } from '../sync/replica.ts';
import type { FlowTest } from './kernel-flush.ts';
import { TableAudit } from './table-audit.ts';

/**
 * Brings the internal cache back in line with the kernel's table: what the dump shows is updated and sent, what is gone
 * is purged, and the peer told.
 * @param test tells which flows of the dump count
 * @param clock the replica's, in milliseconds
 */
export function auditReplica(
  kernel: Kernel,
  replica: Replica,
  test: FlowTest,
  clock: () => number,
): TableAudit {
  return new TableAudit(
    kernel,
    replica.internal.flows,
    {
      flow: (_change, _origin, bytes, length) => {
        if (test(bytes, length)) {
          replica.kernelChange(Item.FLOW, Change.UPDATE, Origin.OTHER, bytes, length, clock());
        }
      },
      expectation: () => {},
      traffic: () => {},
    },
    (slot) => replica.purge(Item.FLOW, slot),
  );
}
