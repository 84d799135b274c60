/** What happened to a flow or an expectation. */
export const Change = {
  NEW: 0,
  UPDATE: 1,
  DESTROY: 2,
} as const;
export type Change = (typeof Change)[keyof typeof Change];

/** Whose doing a change in the kernel was, by the netlink port that asked for it. */
export const Origin = {
  /** The kernel's, or another program's. */
  OTHER: 0,
  /** A commit or a flush of this program: enters the internal cache, is not sent. */
  COMMIT: 1,
  /** A direct injection of this program: ignored. */
  INJECT: 2,
} as const;
export type Origin = (typeof Origin)[keyof typeof Origin];
