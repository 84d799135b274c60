import type { Mode } from '../reference.ts';

/** The target of a run, the way it sends, and its duration. */
export interface LiveOptions {
  /** A C node, ours or both in namespaces of the fuzzer's own; or a node at some address. */
  readonly target: 'c' | 'ts' | 'both' | 'address';
  readonly mode: Mode;
  readonly minutes: number;
  readonly seed: number;
  readonly port: number;
  /** The run ends after this many findings. */
  readonly findings: number;
  /** Only for the target `address`. */
  readonly where?: {
    readonly address: string;
    readonly interface: string;
    /** Whether the address may be one that is not loopback. */
    readonly foreign: boolean;
  };
}
