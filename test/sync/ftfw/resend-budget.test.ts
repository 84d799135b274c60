import { expect, it } from 'vitest';
import { ResendBudget } from '../../../src/sync/ftfw/resend-budget.ts';

function taken(budget: ResendBudget, now: number): number {
  let count = 0;
  while (budget.take(now)) count++;
  return count;
}

it('gives the whole resend queue once, and 20,000 messages a second after that', () => {
  const budget = new ResendBudget(131_072);
  expect(taken(budget, 0)).toBe(131_072);
  expect(taken(budget, 0)).toBe(0);
  expect(taken(budget, 500)).toBe(10_000);
  expect(taken(budget, 1_000_000)).toBe(131_072);
});
