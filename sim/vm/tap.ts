export type TestResult = 'passed' | 'failed' | 'skipped';

/** Results by test, of what `vitest --reporter=tap-flat` prints; other lines are passed over. */
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
