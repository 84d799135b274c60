import type { NodeFigures } from '../control/node-figures.ts';
import { counter, type Family } from './family.ts';

/** What a node with several active peers has made of their records and of its kernel's table. */
export function sharedFlowsFamilies({ sharedFlows }: NodeFigures): Family[] {
  return [
    counter('conntrackd_shared_records_total', 'Records of flows that other active nodes sent.', [
      [{ result: 'adopted' }, sharedFlows?.adopted],
      [{ result: 'known' }, sharedFlows?.known],
    ]),
    counter(
      'conntrackd_shared_conflicts_total',
      'Flows that this node and another one had changed at once.',
      sharedFlows?.conflicts,
    ),
    counter(
      'conntrackd_shared_ends_ignored_total',
      "Ends of other nodes' copies, which end no flow here.",
      sharedFlows?.endsIgnored,
    ),
    counter(
      'conntrackd_shared_looked_at_total',
      "Entries of the kernel's table that were looked at.",
      sharedFlows?.lookedAt,
    ),
    counter(
      'conntrackd_shared_renewed_total',
      'Flows sent again because their packets pass here without events.',
      sharedFlows?.renewed,
    ),
    counter(
      'conntrackd_shared_restored_total',
      'Flows whose older state in the kernel was replaced by that of the record.',
      sharedFlows?.restored,
    ),
  ];
}
