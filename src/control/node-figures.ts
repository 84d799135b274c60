import type {
  BypassStatistics,
  CacheStatistics,
  InjectStatistics,
  NetworkStatistics,
  RuntimeStatistics,
  Snapshot,
  StatsSnapshot,
  SyncSnapshot,
} from './snapshot.ts';

/** A cache as far as it is known. */
export type CacheFigures = Partial<CacheStatistics> & Pick<CacheStatistics, 'kind' | 'name'>;

export interface SidesFigures {
  readonly internal: CacheFigures | BypassStatistics;
  readonly external: CacheFigures | InjectStatistics;
}

/**
 * What is known of a node. A daemon knows its snapshot; over the control socket a member is absent where the node has not
 * got it or does not say, which is more often so with a C node.
 */
export interface NodeFigures
  extends Partial<Omit<SyncSnapshot, 'mode' | 'runtime' | 'flows' | 'expectations' | 'network'>> {
  readonly mode: Snapshot['mode'];
  readonly runtime?: Partial<RuntimeStatistics>;
  readonly flows?: SidesFigures;
  readonly expectations?: SidesFigures;
  readonly network?: Partial<NetworkStatistics>;
  readonly cache?: StatsSnapshot['cache'] | CacheFigures;
}
