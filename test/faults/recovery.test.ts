import { expect, test } from 'vitest';
import type { Difference } from '../../sim/faults/stage/comparison.ts';
import { untilEqual } from '../../sim/faults/stage/recovery.ts';

const EQUAL: Difference = { lacks: 0, dead: 0 };

/** Answers one after the other; the last one again and again. */
function comparisons(...answers: readonly (Difference | Error)[]) {
  let asked = 0;
  return async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)]!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
}

test('the time of recovery ends with the first comparison that finds no difference', async () => {
  const recovery = await untilEqual(comparisons({ lacks: 3, dead: 0 }, EQUAL), performance.now(), 5_000);
  expect(recovery).toMatchObject(EQUAL);
  expect(recovery.recoverMs).toBeGreaterThan(50);
  expect(recovery.recoverMs).toBeLessThan(1_500);
});

test('what was equal and is not any more has not recovered', async () => {
  const recovery = await untilEqual(comparisons(EQUAL, { lacks: 0, dead: 2 }), performance.now(), 1_000);
  expect(recovery).toEqual({ lacks: 0, dead: 2 });
});

test('a node that does not answer has neither recovered nor lost anything', async () => {
  const recovery = await untilEqual(comparisons(new Error('no answer\nmore')), performance.now(), 200);
  expect(recovery).toEqual({ trouble: 'no answer' });
});
