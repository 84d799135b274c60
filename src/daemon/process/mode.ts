import type { RequestHandler } from '../../control/server.ts';

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
  /** Seconds since the start. */
  uptime(): number;
}

/** What the daemon runs: a node that replicates, or one that keeps statistics. */
export interface RunningMode {
  /** Answers the requests of the control socket. */
  readonly handler: RequestHandler;
  /**
   * Reads the kernel's table and begins to work.
   * @throws KernelError
   */
  start(): Promise<void>;
  /**
   * Does the hot work for practice, beside the real one, so that it is compiled before it counts.
   * @param atNormalPriority does a part of it, while no packet waits for the node
   */
  warmUp?(atNormalPriority: (work: () => void) => void): Promise<void>;
  /** Opens the logs of its own anew, after they were moved away. */
  reopenLogs?(): void;
}
