/**
 * Requests on the control socket: one native-endian 32-bit integer each. The numbers are the C node's
 * (`include/conntrackd.h`), so that either client can ask either node.
 */
export const Request = {
  FLUSH_KERNEL_CT: 0,
  RESYNC_KERNEL_CT: 1,
  DUMP_INTERNAL_CT: 16,
  DUMP_EXTERNAL_CT: 17,
  COMMIT_CT: 18,
  FLUSH_CACHES_CT: 19,
  KILL: 20,
  STATISTICS: 21,
  SEND_BULK: 22,
  REQUEST_RESYNC: 23,
  DUMP_INTERNAL_CT_XML: 24,
  DUMP_EXTERNAL_CT_XML: 25,
  RESET_TIMERS: 26,
  STATISTICS_NETWORK: 28,
  STATISTICS_CACHE: 29,
  STATISTICS_RUNTIME: 30,
  STATISTICS_LINK: 31,
  STATISTICS_RSQUEUE: 32,
  FLUSH_INTERNAL: 33,
  FLUSH_EXTERNAL: 34,
  STATISTICS_PROCESS: 35,
  STATISTICS_QUEUE: 36,
  STATISTICS_EXPECT: 37,
  FLUSH_KERNEL_EXPECT: 38,
  RESYNC_KERNEL_EXPECT: 39,
  DUMP_INTERNAL_EXPECT: 40,
  DUMP_EXTERNAL_EXPECT: 41,
  COMMIT_EXPECT: 42,
  FLUSH_KERNEL_ALL: 43,
  RESYNC_KERNEL_ALL: 44,
  FLUSH_CACHES_ALL: 45,
  COMMIT_ALL: 46,
  DUMP_INTERNAL_EXPECT_XML: 47,
  DUMP_EXTERNAL_EXPECT_XML: 48,
} as const;
export type Request = (typeof Request)[keyof typeof Request];

/**
 * Added to a request for a dump, a statistic or a commit: the answer is to be JSON. Ours alone; a C node answers such a request
 * with nothing.
 */
export const JSON_FORM = 0x10000;

/** Requests about the node's role in a failover. Ours alone; a C node answers them with nothing. */
export const RoleRequest = {
  SHOW: 0x20000,
  PRIMARY: 0x20001,
  BACKUP: 0x20002,
  FAULT: 0x20003,
} as const;
export type RoleRequest = (typeof RoleRequest)[keyof typeof RoleRequest];

const KNOWN: ReadonlySet<number> = new Set([...Object.values(Request), ...Object.values(RoleRequest)]);

const HAS_JSON_FORM: ReadonlySet<number> = new Set<number>([
  RoleRequest.SHOW,
  Request.COMMIT_CT,
  Request.COMMIT_EXPECT,
  Request.COMMIT_ALL,
  Request.DUMP_INTERNAL_CT,
  Request.DUMP_EXTERNAL_CT,
  Request.DUMP_INTERNAL_EXPECT,
  Request.DUMP_EXTERNAL_EXPECT,
  Request.STATISTICS,
  Request.STATISTICS_NETWORK,
  Request.STATISTICS_CACHE,
  Request.STATISTICS_RUNTIME,
  Request.STATISTICS_LINK,
  Request.STATISTICS_RSQUEUE,
  Request.STATISTICS_PROCESS,
  Request.STATISTICS_QUEUE,
  Request.STATISTICS_EXPECT,
]);

/** The JSON form of a request, or undefined if it has none. */
export function jsonForm(request: number): number | undefined {
  return HAS_JSON_FORM.has(request) ? request + JSON_FORM : undefined;
}

/** The request without its form. */
export function plainRequest(request: number): number {
  return wantsJson(request) ? request - JSON_FORM : request;
}

/** True for the JSON form of a request. */
export function wantsJson(request: number): boolean {
  return HAS_JSON_FORM.has(request - JSON_FORM);
}

/** True for every request that means something, in either form. */
export function isKnownRequest(request: number): boolean {
  return KNOWN.has(request) || wantsJson(request);
}
