import type { NodeFigures } from '../control/node-figures.ts';
import type { RoleName } from '../control/role.ts';
import { counter, type Family, gauge } from './family.ts';

const ROLES: readonly (RoleName | 'unknown')[] = ['primary', 'backup', 'fault', 'unknown'];

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/** The node's role, its last takeover, the guard, the flows that a hot standby keeps. */
export function failoverFamilies({ role, standby }: NodeFigures): Family[] {
  const guard = role?.guard;
  return [
    gauge(
      'conntrackd_role',
      'The role of the node: 1 for the one that it has.',
      role === undefined ? [] : ROLES.map((name) => [{ role: name }, Number(role.role === name)]),
    ),
    gauge('conntrackd_role_since_timestamp_seconds', 'When the node got its role.', seconds(role?.since)),
    counter('conntrackd_role_changes_total', 'Changes of role.', role?.changes),
    gauge(
      'conntrackd_role_incomplete',
      "Whether a part of the last change's work was not done.",
      role && Number(role.shortfall !== undefined),
    ),
    gauge(
      'conntrackd_takeover_duration_seconds',
      'How long the last takeover took, from the request to its end.',
      seconds(role?.lastTakeoverMs),
    ),
    gauge(
      'conntrackd_takeover_commit_duration_seconds',
      'How long the commit of the last takeover took.',
      seconds(role?.lastCommit?.takenMs),
    ),
    gauge('conntrackd_takeover_commit_entries', 'Entries of the commit of the last takeover.', [
      [{ result: 'committed' }, role?.lastCommit?.committed],
      [{ result: 'failed' }, role?.lastCommit?.failed],
    ]),
    gauge(
      'conntrackd_guard_up',
      'Whether the guard drops what arrives.',
      guard && Number(guard.state === 'up' || guard.state === 'takeover'),
    ),
    counter(
      'conntrackd_guard_dropped_packets_total',
      'Packets that the guard dropped.',
      guard?.dropped.packets,
    ),
    counter('conntrackd_guard_lapsed_total', "How often the guard's longest time lifted it.", guard?.lapsed),
    gauge(
      'conntrackd_standby_kept_flows',
      "Flows of the peer that a hot standby keeps in the kernel's table.",
      standby?.kept,
    ),
    counter('conntrackd_standby_refreshed_total', 'Timeouts that a hot standby renewed.', standby?.refreshed),
    counter(
      'conntrackd_standby_restored_total',
      'Flows that the kernel had lost and a hot standby put back.',
      standby?.lost,
    ),
    counter(
      'conntrackd_standby_removed_total',
      'Flows that a hot standby removed, because the peer no longer had them.',
      standby?.removed,
    ),
  ];
}
