import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { PATIENCE } from './patience.ts';

/** Default time limit of a condition, in milliseconds, on a machine at its usual speed. */
export const DEFAULT_DEADLINE = 10_000;

/**
 * Calls `probe` repeatedly until its answer is truthy, and returns that answer.
 *
 * A probe that throws counts as "not yet". After `timeout` milliseconds, times {@link PATIENCE}, it throws an error that names the condition, and the
 * last answer or the last error.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeout: number = DEFAULT_DEADLINE,
  interval = 50,
): Promise<Exclude<T, false | 0 | '' | null | undefined>> {
  const limit = timeout * PATIENCE;
  const deadline = performance.now() + limit;
  for (;;) {
    let last: string;
    try {
      const answer = await probe();
      if (answer) return answer as Exclude<T, false | 0 | '' | null | undefined>;
      last = `last answer: ${inspect(answer)}`;
    } catch (error) {
      last = `last error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() >= deadline) throw new Error(`${what}: not within ${limit} ms (${last})`);
    await sleep(interval);
  }
}
