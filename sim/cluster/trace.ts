import type { Fault } from './faults.ts';

/** Something that happened in a run. Times are the world's, in milliseconds. */
export type TraceEvent =
  | {
      readonly what: 'sent';
      readonly time: number;
      readonly node: number;
      readonly wire: number;
      readonly datagram: Uint8Array;
    }
  | {
      readonly what: 'received';
      readonly time: number;
      readonly node: number;
      readonly wire: number;
      readonly from: number;
      readonly datagram: Uint8Array;
    }
  | { readonly what: 'log'; readonly time: number; readonly node: number; readonly line: string }
  | { readonly what: 'request'; readonly time: number; readonly node: number; readonly request: string }
  | { readonly what: 'fault' | 'fault end'; readonly time: number; readonly fault: Fault }
  | { readonly what: 'round'; readonly time: number; readonly round: number; readonly phase: string };

/** Receives all that happens in a run, in order. */
export type TraceSink = (event: TraceEvent) => void;
