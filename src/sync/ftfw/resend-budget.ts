import { Allowance } from '../limits/allowance.ts';

/** Messages a second that NACKs may bring in the long run. */
const RATE_PER_SECOND = 20_000;

/**
 * Limits what NACKs bring, because anybody can send one: the whole resend queue once, and 20,000 messages a second after that.
 * @param resendLimit ResendQueueSize
 */
export function resendBudget(resendLimit: number): Allowance {
  return new Allowance(RATE_PER_SECOND, Math.max(resendLimit, RATE_PER_SECOND));
}
