import { span } from '../../../wire/sequence.ts';

/** Numbers at most this far apart may belong to the same incarnation of a peer. */
export const SERIES_SPAN = 65_536;

/** True if two numbers may belong to the same incarnation of a peer. */
export function areInOneSeries(one: number, other: number): boolean {
  return span(one, other) <= SERIES_SPAN || span(other, one) <= SERIES_SPAN;
}
