import type { CNodeOptions } from '../../../sim/c-node/node.ts';
import type { Request } from '../../../src/control/codes.ts';
import type { Flow } from '../../../src/flow/flow.ts';

/** A flow that `conntrack` can make, and that the kernel in memory can be told. */
export interface TestFlow {
  /** What identifies it, as `conntrack` wants it. */
  readonly identity: readonly string[];
  readonly flow: Flow;
  /** What `conntrack -I` is told beyond that. */
  readonly more: readonly string[];
}

export type KernelOperation =
  | { readonly do: 'insert'; readonly flow: TestFlow }
  | { readonly do: 'mark'; readonly flow: TestFlow; readonly mark: number }
  | { readonly do: 'delete'; readonly flow: TestFlow };

/** What goes on in a node's surroundings. A step is over when the node has dealt with it. */
export type Step =
  /** A datagram, from the peer or from another socket. `base` is the first number that the node used. */
  | { readonly do: 'send'; readonly datagram: (base: number) => Uint8Array; readonly third?: boolean }
  | { readonly do: 'kernel'; readonly operation: KernelOperation }
  /** These happen while the node sleeps, so that it finds them in one turn. */
  | { readonly do: 'at once'; readonly steps: readonly Step[] }
  | { readonly do: 'command'; readonly request: Request }
  | { readonly do: 'wait'; readonly milliseconds: number };

export interface Script {
  readonly name: string;
  readonly options?: Partial<CNodeOptions>;
  /** What is in the kernel's table before the node starts. */
  readonly before?: readonly TestFlow[];
  readonly steps: readonly Step[];
  /** Compare which messages were sent, not how often and when: where times are random. */
  readonly unordered?: boolean;
}

/** What a node sent and what it holds in the end, in lines of text. */
export interface Outcome {
  /** The messages, one line each. */
  readonly sent: readonly string[];
  /** As `-i` and `-e` print it, in that order too. */
  readonly internal: readonly string[];
  readonly external: readonly string[];
  readonly statistics: readonly string[];
  readonly resendQueue: readonly string[];
  /** The kernel's table, sorted. */
  readonly kernel: readonly string[];
  /** The seconds that they have left, where the model's kernel can tell: without CommitTimeout. */
  readonly timeouts: readonly number[];
}

/** What the model must be told of the run of the real node to live through the same. Times are in milliseconds. */
export interface Course {
  readonly started: number;
  /** The node's first number. */
  readonly base: number;
  /** When each step began. */
  readonly times: readonly number[];
  readonly ended: number;
  /** For each message that the node sent, the last step that had begun when it came, or -1. */
  readonly receivedIn: readonly number[];
  /** For each of them, how long the node can have been silent before it, at most. */
  readonly silentFor: readonly number[];
}
