import type { Family } from '../flow/address.ts';
import type { Expectation } from '../flow/expectation.ts';
import type { Tuple } from '../flow/tuple.ts';

export interface HelperPolicy {
  readonly name: string;
  readonly expectMax: number;
  readonly expectTimeout: number;
}

export interface InspectedPacket {
  readonly payload: Uint8Array;
  readonly direction: 'original' | 'reply';
  readonly isEstablished: boolean;
  readonly tcp?: { readonly sequence: number; readonly flags: number };
}

export interface InspectedFlow {
  readonly original: Tuple;
  readonly reply: Tuple;
  readonly status: number;
}

export interface PayloadRewrite {
  readonly offset: number;
  readonly length: number;
  readonly replacement: Uint8Array;
}

export interface ExpectedFlow {
  readonly expectation: Expectation;
  readonly nat?: {
    readonly expectation: (port: number) => Expectation;
    readonly firstPort: number;
    readonly rewrite: (port: number) => PayloadRewrite;
  };
}

export interface Inspection {
  readonly verdict: 'accept' | 'drop';
  readonly expected: readonly ExpectedFlow[];
  /** Seconds that the packet's flow lives from now on; undefined leaves that to the kernel. */
  readonly timeout?: number;
}

export interface HelperProtocol<State = unknown> {
  readonly name: string;
  readonly transport: 'tcp' | 'udp';
  readonly families: readonly Family[];
  readonly policies: readonly HelperPolicy[];
  readonly privateBytes: number;
  newState(): State;
  inspect(packet: InspectedPacket, flow: InspectedFlow, state: State): Inspection;
}
