import { readU32 } from '../../src/bytes/integers.ts';
import { Errno } from '../../src/system/errno.ts';
import { Attr, TLV_HEADER } from '../../src/wire/attribute.ts';
import { findAttribute } from '../../src/wire/record.ts';
import type { Cache, Cached } from './cache.ts';
import type { Clock } from './clock.ts';
import { FLOWS } from './identity.ts';
import type { KernelRequests } from './kernel-requests.ts';

/** How many records a commit created in the kernel, and how many the kernel refused. */
export interface CommitCount {
  committed: number;
  failed: number;
}

/** The timeout of a record whose own has expired. */
const EXPIRED_TIMEOUT_S = 60;

/**
 * Commits a cache to the kernel. C does it in steps of some thousand buckets, and receives between them; the model
 * does it in one step.
 *
 * @param commitTimeout seconds, where CommitTimeout is set
 */
export function commit(
  cache: Cache,
  kernel: KernelRequests,
  clock: Clock,
  commitTimeout: number | undefined,
): CommitCount {
  const count = { committed: 0, failed: 0 };
  const put = (cached: Cached) => {
    const timeout = commitTimeout || timeoutOf(cached, clock);
    if (create(cached, kernel, timeout)) count.committed++;
    else count.failed++;
  };
  const records = cache.inOrder();
  const isChild = ({ record }: Cached) => cache.kind === FLOWS && hasMaster(record);
  for (const cached of records) if (!isChild(cached)) put(cached);
  for (const cached of records) if (isChild(cached)) put(cached);
  return count;
}

/**
 * The timeout that was received less the record's age. C passes a 0 on, with which the kernel uses the timeout
 * received.
 */
function timeoutOf({ cache, record, lastUpdate }: Cached, clock: Clock): number {
  const age = clock.seconds - lastUpdate;
  const at = findAttribute(record, 0, record.length, cache.kind.timeout);
  const received = at < 0 ? 0 : readU32(record, at + TLV_HEADER);
  const left = received - (age < 0 ? EXPIRED_TIMEOUT_S : age);
  return left < 0 ? EXPIRED_TIMEOUT_S : left;
}

function create({ cache, record }: Cached, kernel: KernelRequests, timeout: number): boolean {
  const errno = kernel.create(cache.kind, record, timeout);
  if (errno !== Errno.EEXIST) return errno === 0;
  const removed = kernel.remove(cache.kind, record);
  return (removed === 0 || removed === Errno.ENOENT) && kernel.create(cache.kind, record, timeout) === 0;
}

function hasMaster(record: Uint8Array): boolean {
  return (
    findAttribute(record, 0, record.length, Attr.MASTER_IPV4) >= 0 ||
    findAttribute(record, 0, record.length, Attr.MASTER_IPV6) >= 0
  );
}
