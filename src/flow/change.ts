/** What happened to a flow or an expectation. */
export const Change = {
  NEW: 0,
  UPDATE: 1,
  DESTROY: 2,
} as const;
export type Change = (typeof Change)[keyof typeof Change];

/** Who changed the kernel's table, by the netlink port of the request. */
export const Origin = {
  /** The kernel's, or another program's. */
  OTHER: 0,
  /** A commit or a flush of this program: the change enters the internal cache and is not sent. */
  COMMIT: 1,
  /** A direct injection of this program: the change is ignored. */
  INJECT: 2,
} as const;
export type Origin = (typeof Origin)[keyof typeof Origin];
