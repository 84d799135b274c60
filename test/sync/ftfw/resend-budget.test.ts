import { expect, it } from 'vitest';
import { resendBudget } from '../../../src/sync/ftfw/resend-budget.ts';
import type { Allowance } from '../../../src/sync/limits/allowance.ts';

function taken(budget: Allowance, now: number): number {
  let count = 0;
  while (budget.take(1, now) > 0) count++;
  return count;
}

it('gives the whole resend queue once, and 20,000 messages a second after that', () => {
  const budget = resendBudget(131_072);
  expect(taken(budget, 0)).toBe(131_072);
  expect(taken(budget, 0)).toBe(0);
  expect(taken(budget, 500)).toBe(10_000);
  expect(taken(budget, 1_000_000)).toBe(131_072);
});
