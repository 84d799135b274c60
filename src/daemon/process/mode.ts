import type { HelpersStatistics } from '../../control/helpers.ts';
import type { NodeFigures } from '../../control/node-figures.ts';
import type { RequestHandler } from '../../control/server.ts';
import type { ResourceStatistics } from '../../control/snapshot.ts';

/** What the control socket counted. */
export interface LocalCounters {
  readonly readFailed: number;
  readonly unknownRequest: number;
}

/** What a mode needs of the daemon around it. */
export interface DaemonHooks {
  /** Ends the daemon. */
  kill(): void;
  localCounters(): LocalCounters;
  resources(): ResourceStatistics;
  /** Seconds since the start. */
  uptime(): number;
  /** Undefined without a Helper clause, or where the daemon goes on without its helpers. */
  helperStatistics(): HelpersStatistics | undefined;
}

/** What the daemon runs: a node that replicates, one that keeps statistics, or helpers alone. */
export interface RunningMode {
  /** Answers the requests of the control socket. */
  readonly handler: RequestHandler;
  /** The statistics at this moment. */
  figures(): NodeFigures;
  /**
   * Reads the kernel's table and begins to work.
   * @throws KernelError
   */
  start(): Promise<void>;
  /**
   * Runs the hot paths on made-up flows, beside the real work, so that they are compiled before they are needed.
   * @param atNormalPriority runs a part of it with the usual scheduling policy
   */
  warmUp?(atNormalPriority: (work: () => void) => void): Promise<void>;
  /** Opens its own logs again, after they were moved away. */
  reopenLogs?(): void;
}
