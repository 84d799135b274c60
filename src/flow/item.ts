/** The two kinds of entry that are replicated; each has caches and a message series of its own. */
export const Item = {
  FLOW: 0,
  EXPECTATION: 1,
} as const;
export type Item = (typeof Item)[keyof typeof Item];
