/** Runs the tasks, a limited number at a time, and returns their results in order. */
export async function inParallel<T>(
  tasks: readonly (() => Promise<T>)[],
  atATime: number,
): Promise<readonly T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    while (next < tasks.length) {
      const index = next++;
      results[index] = await tasks[index]!();
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, tasks.length) }, worker));
  return results;
}
