import type { RoleStatistics } from '../../control/role.ts';
import type { StandbyStatistics } from '../../control/standby.ts';
import type { DaemonFigures } from './daemon-figures.ts';

/** What only a daemon of ours tells. */
export interface OwnDaemonFact {
  readonly role?: RoleStatistics;
  readonly standby?: StandbyStatistics;
  /** Milliseconds since the last valid message of the peer; absent if it never sent one. */
  readonly peerSilentMs?: number;
}

export interface DaemonFact extends DaemonFigures {
  /** Datagrams received over all links in the time of the sample; absent where it was not measured. */
  readonly receivedInSample?: number;
  /** Absent where a C node runs. */
  readonly own?: OwnDaemonFact;
}
