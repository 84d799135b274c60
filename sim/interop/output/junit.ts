import { type CaseResult, countOf, type GridReport, pairsOf } from '../result.ts';
import { escaped } from './escape.ts';

function attributesOf(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join('');
}

function caseXml(result: CaseResult, sentence: string): string {
  const { primary, backup, mode, link, verdict, reason = '', seconds, evidence } = result;
  const own = attributesOf({
    classname: `${primary} to ${backup}.${mode}.${link}`,
    name: result.case,
    time: seconds.toFixed(1),
  });
  if (verdict === 'pass') return `    <testcase${own}/>`;
  const inside =
    verdict === 'fail'
      ? `<failure${attributesOf({ message: reason })}>${escaped(
          `expected: ${sentence}\ncame: ${reason}\nkept: ${evidence ?? 'nothing'}`,
        )}</failure>`
      : `<skipped${attributesOf({ message: `unsupported: ${reason}` })}/>`;
  return `    <testcase${own}>\n      ${inside}\n    </testcase>`;
}

/**
 * The grid as JUnit XML, in the form that CI systems read: a suite for each ordered pair, and what is unsupported as
 * skipped, with its reason.
 */
export function junitOf(report: GridReport): string {
  const sentences = new Map(report.cases.map(({ name, sentence }) => [name, sentence]));
  const suites = pairsOf(report).map(({ primary, backup, results }) => {
    const count = (verdict: CaseResult['verdict']) => results.filter((one) => one.verdict === verdict).length;
    const own = attributesOf({
      name: `${primary} to ${backup}`,
      tests: results.length,
      failures: count('fail'),
      errors: 0,
      skipped: count('unsupported'),
      time: results.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1),
      timestamp: report.begun.replace(/\.\d+Z$/, ''),
    });
    const cases = results.map((one) => caseXml(one, sentences.get(one.case) ?? ''));
    return `  <testsuite${own}>\n${cases.map((one) => `${one}\n`).join('')}  </testsuite>`;
  });
  const all = attributesOf({
    name: 'conntrackd interop',
    tests: report.results.length,
    failures: countOf(report, 'fail'),
    errors: 0,
    skipped: countOf(report, 'unsupported'),
    time: report.seconds,
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${all}>\n${suites.join('\n')}\n</testsuites>\n`;
}
