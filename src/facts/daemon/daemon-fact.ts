import type { NodeFigures } from '../../control/node-figures.ts';

/** The statistics of a daemon; a C node tells less. */
export interface DaemonFact extends NodeFigures {
  /** Datagrams received over all links in the time of the sample; absent where it was not measured. */
  readonly receivedInSample?: number;
}
