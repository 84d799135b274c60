/** What a node with several active peers has made of their records and of its kernel's table, as `-s` and its JSON form show it. */
export interface SharedFlowsStatistics {
  /** Records of peers that our kernel got. */
  readonly adopted: number;
  /** Records of peers that brought nothing new. */
  readonly known: number;
  /** Flows that two nodes had changed at once. */
  readonly conflicts: number;
  /** Ends of peers' flows, which say nothing about ours. */
  readonly endsIgnored: number;
  /** Entries of our kernel's table that were looked at. */
  readonly lookedAt: number;
  /** Flows sent again because their packets pass here without events. */
  readonly renewed: number;
  /** Flows whose older state in our kernel was replaced by that of the record. */
  readonly restored: number;
}

/**
 * Two lines: `several active nodes: 812 records put into the kernel, 10340 with nothing new, 2 conflicts, 4 ends ignored` and `looks at
 * the table: 50000 flows, 35 renewed, 1 restored`.
 */
export function sharedFlowsText(shared: SharedFlowsStatistics): string {
  const { adopted, known, conflicts, endsIgnored, lookedAt, renewed, restored } = shared;
  return `several active nodes: ${adopted} records put into the kernel, ${known} with nothing new, ${conflicts} conflicts, ${endsIgnored} ends ignored
looks at the table: ${lookedAt} flows, ${renewed} renewed, ${restored} restored
`;
}
