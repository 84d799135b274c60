import { Allowance } from './allowance.ts';

/** Messages a second that a peer sends at most in the long run, and those it may have sent at once. */
const RATE_PER_SECOND = 100_000;
const BURST_MAX = 262_144;

/**
 * How many of the numbers that seem to be missing can have been sent. Whoever sends in a peer's name chooses his numbers, and each
 * message may leave a gap of 65,536 before it: the count of lost messages is to say how many were lost.
 */
export function plausibleLoss(): Allowance {
  return new Allowance(RATE_PER_SECOND, BURST_MAX);
}
