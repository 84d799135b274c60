import type { Fault } from './faults.ts';

/** What a run did, in order. Times are the world's, in milliseconds. */
export type Occurrence =
  | {
      readonly what: 'sent';
      readonly time: number;
      readonly node: number;
      readonly wire: number;
      readonly datagram: Uint8Array;
    }
  | {
      readonly what: 'heard';
      readonly time: number;
      readonly node: number;
      readonly wire: number;
      readonly from: number;
      readonly datagram: Uint8Array;
    }
  | { readonly what: 'log'; readonly time: number; readonly node: number; readonly line: string }
  | { readonly what: 'request'; readonly time: number; readonly node: number; readonly request: string }
  | { readonly what: 'fault' | 'fault over'; readonly time: number; readonly fault: Fault }
  | { readonly what: 'round'; readonly time: number; readonly round: number; readonly phase: string };

/** Takes what happens. */
export type TraceSink = (occurrence: Occurrence) => void;
