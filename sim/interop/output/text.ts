import {
  type CaseResult,
  countOf,
  type GridReport,
  lettersOf,
  pairsOf,
  settingText,
  unprovenNodes,
  VERDICTS,
  type Verdict,
} from '../result.ts';

const WORDS: Readonly<Record<Verdict, string>> = { pass: 'ok', fail: 'FAIL', unsupported: '-' };
const GAP = '  ';

/** Rows of cells, each column as wide as its widest cell; a cell may have several lines. */
function aligned(rows: readonly (readonly string[])[]): string {
  const split = rows.map((row) => row.map((cell) => cell.split('\n')));
  const widths = split[0]!.map((_, column) =>
    Math.max(...split.flatMap((row) => row[column]!.map((line) => line.length))),
  );
  return split
    .flatMap((row) =>
      Array.from({ length: Math.max(...row.map((cell) => cell.length)) }, (_, line) =>
        row
          .map((cell, column) => (cell[line] ?? '').padEnd(widths[column]!))
          .join(GAP)
          .trimEnd(),
      ),
    )
    .join('\n');
}

/** The grid of pairs: a primary in each row, a backup in each column, and in each cell the letters of the cases. */
function pairGrid(report: GridReport): string {
  const pairs = pairsOf(report);
  const cell = (primary: string, backup: string) => {
    const letters = lettersOf(report, pairs.find((one) => one.primary === primary && one.backup === backup)!);
    return VERDICTS.filter((verdict) => letters[verdict].length > 0)
      .map((verdict) => `${WORDS[verdict]} ${letters[verdict].join('')}`)
      .join('\n');
  };
  const names = report.nodes.map(({ name }) => name);
  return aligned([
    ['primary \\ backup', ...names],
    ...names.map((primary) => [primary, ...names.map((backup) => cell(primary, backup))]),
  ]);
}

/** All results of a pair: a case in each row, a mode over a link in each column. */
function pairTable(
  report: GridReport,
  primary: string,
  backup: string,
  results: readonly CaseResult[],
): string {
  const columns = report.modes.flatMap((mode) => report.links.map((link) => ({ mode, link })));
  const word = (name: string, { mode, link }: (typeof columns)[number]) => {
    const found = results.find((one) => one.case === name && one.mode === mode && one.link === link);
    return found === undefined ? '' : WORDS[found.verdict];
  };
  return aligned([
    [`${primary} -> ${backup}`, ...columns.map(({ mode, link }) => `${mode}\n${link}`)],
    ...report.cases.map(({ letter, name }) => [
      `${letter} ${name}`,
      ...columns.map((column) => word(name, column)),
    ]),
  ]);
}

/** Reasons with how often each was given, the most frequent first. */
function reasonsOf(results: readonly CaseResult[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { case: name, reason = 'unknown' } of results) {
    const text = `${name}: ${reason}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a).map(([text, count]) => `${count} x ${text}`);
}

/** The whole grid for a terminal. */
export function textOf(report: GridReport): string {
  const failed = report.results.filter(({ verdict }) => verdict === 'fail');
  const unsupported = report.results.filter(({ verdict }) => verdict === 'unsupported');
  const unproven = unprovenNodes(report);
  return [
    pairGrid(report),
    ...pairsOf(report).map(({ primary, backup, results }) => pairTable(report, primary, backup, results)),
    ...(unsupported.length === 0
      ? []
      : [
          `unsupported:\n${reasonsOf(unsupported)
            .map((line) => `${GAP}${line}`)
            .join('\n')}`,
        ]),
    ...(failed.length === 0
      ? []
      : [
          `failed:\n${failed
            .map(
              (one) =>
                `${GAP}${settingText(one)}: ${one.reason}\n${GAP}${GAP}${one.evidence ?? 'nothing kept'}`,
            )
            .join('\n')}`,
        ]),
    ...unproven.map((name) => `nothing was shown about ${name}: it passed no case`),
    `${VERDICTS.map((verdict) => `${countOf(report, verdict)} ${verdict}`).join(', ')} in ${report.seconds} s`,
  ].join('\n\n');
}
