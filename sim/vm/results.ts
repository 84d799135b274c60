export type TestResult = 'passed' | 'failed' | 'skipped';

/** Results by test, of what `vitest --reporter=tap-flat` prints; other lines are ignored. */
export function parseTap(lines: readonly string[]): Map<string, TestResult> {
  const results = new Map<string, TestResult>();
  for (const line of lines) {
    const found = /^(not ok|ok) \d+ - (.*?)(?: # (?:time=|(SKIP|TODO)).*)?$/.exec(line);
    if (found === null) continue;
    const [, outcome, name, skipped] = found;
    const result = skipped === undefined ? (outcome === 'ok' ? 'passed' : 'failed') : 'skipped';
    results.set(name!, result);
  }
  return results;
}

/** A table in Markdown, a row for each test and a column for each kernel, by its name. */
export function resultTable(kernels: ReadonlyMap<string, ReadonlyMap<string, TestResult>>): string {
  const names = [...kernels.keys()];
  const tests = new Set([...kernels.values()].flatMap((results) => [...results.keys()]));
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    row(['test', ...names]),
    `|${'---|'.repeat(names.length + 1)}`,
    ...[...tests].map((test) =>
      row([test.replaceAll('|', '\\|'), ...names.map((name) => kernels.get(name)!.get(test) ?? 'not run')]),
    ),
  ].join('\n');
}
