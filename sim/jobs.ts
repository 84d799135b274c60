/** Does `work` for each task, at most `jobs` at the same time; the results are in the tasks' order. */
export async function inParallel<Task, Result>(
  tasks: readonly Task[],
  jobs: number,
  work: (task: Task, index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async () => {
    while (next < tasks.length) {
      const index = next++;
      results[index] = await work(tasks[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, tasks.length) }, worker));
  return results;
}
