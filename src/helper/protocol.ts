import type { Expectation } from '../flow/expectation.ts';
import type { Tuple } from '../flow/tuple.ts';

/** A packet of a flow that has a helper. */
export interface InspectedPacket {
  /** What is behind the header of TCP or UDP; valid until the packet has its verdict. */
  readonly payload: Uint8Array;
  readonly direction: 'original' | 'reply';
  /** False until packets of both directions have been seen (`enum ip_conntrack_info`). */
  readonly isEstablished: boolean;
  /** Of TCP's header: the sequence number (u32), and the flags as its byte 13 has them. */
  readonly tcp?: { readonly sequence: number; readonly flags: number };
}

/** The flow as the kernel knows it when the packet is queued. */
export interface InspectedFlow {
  readonly original: Tuple;
  readonly reply: Tuple;
  /** `Status` bits. */
  readonly status: number;
}

/** Bytes of a payload that are replaced by others. */
export interface PayloadRewrite {
  /** From the payload's first byte on. */
  readonly offset: number;
  /** Bytes replaced. */
  readonly length: number;
  readonly replacement: Uint8Array;
}

/** A flow that is to come. */
export interface ExpectedFlow {
  /** What is expected where `nat` is undefined. */
  readonly expectation: Expectation;
  /** Where a port must be reserved in the kernel, and the packet then names it. */
  readonly nat?: {
    /** What is expected when it is `port` that is reserved. */
    readonly expectation: (port: number) => Expectation;
    /** The port that is tried first; then the ones behind it. */
    readonly firstPort: number;
    readonly rewrite: (port: number) => PayloadRewrite;
  };
}

/** What a helper makes of a packet. */
export interface Inspection {
  readonly verdict: 'accept' | 'drop';
  /** Rewrites lie in the payload one behind the other. Empty for a packet that is dropped. */
  readonly expected: readonly ExpectedFlow[];
  /** Seconds that the packet's flow lives from now on; undefined leaves that to the kernel. */
  readonly timeout?: number;
}

/** A helper: a pure function of a packet, its flow and a state. */
export interface HelperProtocol<State = unknown> {
  readonly name: string;
  readonly transport: 'tcp' | 'udp';
  /** Size of what C's helper keeps in the kernel for each flow; ours keeps nothing there. */
  readonly privateBytes: number;
  /** The state of a new flow, or of one that was taken over; of limited size at any time. */
  newState(): State;
  /** Never throws, whatever the payload is. Changes `state` alone. */
  inspect(packet: InspectedPacket, flow: InspectedFlow, state: State): Inspection;
}
