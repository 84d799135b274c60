import { PAIR_KINDS, type PairChanges, type PairKind } from './pair-kind.ts';
import type { Difference } from './stage/comparison.ts';
import type { Stage } from './stage/stage.ts';

/** What a scenario measured; what it did not is left out. */
export interface Outcome {
  /** Flows that the standby lacks at the end; undefined if a node did not answer. */
  readonly lacks?: number;
  /** Flows that the standby has and the active firewall has not. */
  readonly dead?: number;
  /** What the active firewall's own cache has wrong, where the scenario does not count that. */
  readonly own?: Difference;
  /** Milliseconds from the fault's end until all is equal; undefined if that did not happen. */
  readonly recoverMs?: number;
  /** A stranger's flows in the standby's external cache. */
  readonly planted?: number;
  /** A stranger's flows in the standby's kernel after a commit. */
  readonly plantedInKernel?: number;
  /** Bytes that the attacked node's host sent on the sync link meanwhile. */
  readonly bytesSent?: number;
  /** Datagrams that the stranger sent. */
  readonly offered?: number;
  /** Datagrams that the attacked node refused and counted; undefined if it has no such count. */
  readonly refused?: number;
  /** Messages that the attacked node counts as lost. */
  readonly lost?: number;
  /** Lines that the attacked node wrote to its log meanwhile. */
  readonly logLines?: number;
  /** Milliseconds until the control socket answered; Infinity if it did not. */
  readonly answerMs?: number;
  /** Milliseconds that the program which made the load took. */
  readonly loadMs?: number;
  /** Why there is no difference to report. */
  readonly trouble?: string;
}

/** What must hold of an outcome of ours beside equality. */
export interface Target {
  /** By default {@link RECOVER_MS}. */
  readonly recoverMs?: number;
  /** Whether every datagram of the stranger must have been refused and counted. */
  readonly refused?: boolean;
  readonly bytesSentMax?: number;
  readonly lostMax?: number;
  readonly logLinesMax?: number;
  readonly answerMsMax?: number;
  readonly loadMsMax?: number;
}

/** One fault, and how it is measured. */
export interface Scenario {
  /** As `--only` takes it. */
  readonly name: string;
  /** As the table prints it. */
  readonly title: string;
  /** By default C and ours. */
  readonly pairs?: readonly PairKind[];
  readonly target: Target;
  readonly changes?: (flows: number) => PairChanges;
  /** Flows in the table where the option `--flows` asks for so many; by default the same. */
  readonly flows?: (flows: number, restartFlows: number) => number;
  /** Milliseconds after which a pair that is not equal is given up; by default {@link GIVE_UP_MS}. */
  readonly giveUpMs?: number;
  run(stage: Stage): Promise<Outcome>;
}

/** Within so many milliseconds of a fault's end ours is to be equal. */
export const RECOVER_MS = 5_000;
export const GIVE_UP_MS = 15_000;
export const ALL_PAIRS: readonly PairKind[] = PAIR_KINDS;
