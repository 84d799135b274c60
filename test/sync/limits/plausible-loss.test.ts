import { expect, test } from 'vitest';
import { plausibleLoss } from '../../../src/sync/limits/plausible-loss.ts';

test('what a peer can have sent counts whole', () => {
  const loss = plausibleLoss();
  expect(loss.take(3, 0)).toBe(3);
  expect(loss.take(65_536, 1)).toBe(65_536);
  expect(loss.take(65_536, 10_000)).toBe(65_536);
});

test('a flood of far numbers counts as much as a peer can send in its time', () => {
  const loss = plausibleLoss();
  let counted = 0;
  for (let n = 0; n < 500_000; n++) counted += loss.take(65_536, n / 100);
  // 262,144 at once, and 100,000 a second for 5 s.
  expect(counted).toBeGreaterThan(760_000);
  expect(counted).toBeLessThanOrEqual(762_144);
});
