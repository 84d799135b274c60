import type { NodeFigures } from '../control/node-figures.ts';
import { counter, type Family, gauge, histogram } from './family.ts';

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/** How the node stands with its peers. Ages and not times: a scrape has a clock of its own. */
export function replicationFamilies({ replication }: NodeFigures): Family[] {
  const commit = replication?.lastCommit;
  const delays = replication?.ackDelay?.sinceStart;
  return [
    gauge(
      'conntrackd_in_sync',
      'Whether the node has all that its peers have, as far as it can know.',
      replication && Number(replication.inSync),
    ),
    gauge('conntrackd_peers', 'Peers that were heard in the last minute.', replication?.peers),
    gauge(
      'conntrackd_peers_silent',
      'Those of them that have sent nothing for 5 s.',
      replication?.silentPeers,
    ),
    gauge(
      'conntrackd_peer_last_heard_seconds',
      'Time since the last message of any peer.',
      seconds(replication?.lastHeardMs),
    ),
    histogram(
      'conntrackd_peer_acknowledge_delay_seconds',
      'Time from sending a message until a peer acknowledged it, which peers do for many messages together: an upper bound.',
      delays === undefined
        ? []
        : [
            {
              labels: {},
              buckets: delays.buckets.map(([bound, count]) => [bound / 1000, count] as const),
              count: delays.count,
              sum: delays.sum / 1000,
            },
          ],
    ),
    counter(
      'conntrackd_digest_comparisons_total',
      'Comparisons of the external cache with what the peer says it has.',
      [
        [{ result: 'equal' }, replication?.comparisons?.equal],
        [{ result: 'different' }, replication?.comparisons?.different],
      ],
    ),
    gauge('conntrackd_messages_waiting', 'Messages waiting to be sent.', replication?.waiting),
    gauge(
      'conntrackd_messages_unacknowledged',
      'Messages sent and not yet acknowledged.',
      replication?.unacknowledged,
    ),
    counter(
      'conntrackd_records_dead_total',
      'Records dropped from the external caches because the peer no longer had them.',
      replication?.droppedDead,
    ),
    gauge(
      'conntrackd_bulk_records',
      'Records of the last bulk that was sent.',
      replication?.lastBulk?.records,
    ),
    gauge('conntrackd_bulk_age_seconds', 'Time since then.', seconds(replication?.lastBulk?.agoMs)),
    gauge('conntrackd_commit_duration_seconds', 'How long the last commit took.', seconds(commit?.takenMs)),
    gauge('conntrackd_commit_age_seconds', 'Time since its end.', seconds(commit?.agoMs)),
    gauge('conntrackd_commit_entries', 'Entries of the last commit.', [
      [{ result: 'committed' }, commit?.committed],
      [{ result: 'failed' }, commit?.failed],
    ]),
  ];
}
