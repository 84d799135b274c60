import type { Mode } from '../reference.ts';

/** What is sent to, how, and for how long. */
export interface LiveOptions {
  /** A C node, ours or both in namespaces of the fuzzer's own; or a node at some address. */
  readonly target: 'c' | 'ts' | 'both' | 'address';
  readonly mode: Mode;
  readonly minutes: number;
  readonly seed: number;
  readonly port: number;
  /** The run ends with so many findings. */
  readonly findings: number;
  /** Only of the target `address`. */
  readonly where?: {
    readonly address: string;
    readonly interface: string;
    /** Whether the address may be anybody's. */
    readonly foreign: boolean;
  };
}
