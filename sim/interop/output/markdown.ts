import {
  type CaseResult,
  countOf,
  type GridReport,
  lettersOf,
  pairsOf,
  settingText,
  VERDICTS,
  type Verdict,
} from '../result.ts';

const MARKS: Readonly<Record<Verdict, string>> = { pass: 'ok', fail: '**fail**', unsupported: '–' };

/** Text in one cell or list item: nothing in it is markup. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_|<>[\]]/g, (character) => `\\${character}`);
}

function table(rows: readonly (readonly string[])[]): string {
  const lines = rows.map((row) => `| ${row.join(' | ')} |`);
  return [lines[0], `|${rows[0]!.map(() => '---|').join('')}`, ...lines.slice(1)].join('\n');
}

function pairGrid(report: GridReport): string {
  const pairs = pairsOf(report);
  const names = report.nodes.map(({ name }) => name);
  const cell = (primary: string, backup: string) => {
    const letters = lettersOf(report, pairs.find((one) => one.primary === primary && one.backup === backup)!);
    return VERDICTS.filter((verdict) => letters[verdict].length > 0)
      .map((verdict) => `${MARKS[verdict]} ${letters[verdict].join(' ')}`)
      .join('; ');
  };
  return table([
    ['primary \\ backup', ...names.map(plain)],
    ...names.map((primary) => [plain(primary), ...names.map((backup) => cell(primary, backup))]),
  ]);
}

function pairTable(report: GridReport, results: readonly CaseResult[]): string {
  const columns = report.modes.flatMap((mode) => report.links.map((link) => ({ mode, link })));
  return table([
    ['', 'case', ...columns.map(({ mode, link }) => `${mode}, ${link}`)],
    ...report.cases.map(({ letter, name }) => [
      letter,
      name,
      ...columns.map(({ mode, link }) => {
        const found = results.find((one) => one.case === name && one.mode === mode && one.link === link);
        return found === undefined ? '' : MARKS[found.verdict];
      }),
    ]),
  ]);
}

/** The settings in which each reason was given, as items of a list. */
function reasonList(results: readonly CaseResult[], where: (result: CaseResult) => string): string {
  const places = new Map<string, string[]>();
  for (const result of results) {
    const reason = result.reason ?? 'unknown';
    places.set(reason, [...(places.get(reason) ?? []), where(result)]);
  }
  return [...places]
    .map(([reason, found]) => `- ${[...new Set(found)].map(plain).join('; ')}: ${plain(reason)}`)
    .join('\n');
}

/** The grid as a Markdown page of its own, without the paths of one machine. */
export function markdownOf(report: GridReport): string {
  const { begun, seconds, machine, nodes, cases, results } = report;
  const failed = results.filter(({ verdict }) => verdict === 'fail');
  const unsupported = results.filter(({ verdict }) => verdict === 'unsupported');
  const parts = [
    '# The interop grid',
    `${begun.slice(0, 10)}; ${nodes.map(({ name, version }) => `${plain(name)} is ${plain(version)}`).join(', ')}; Linux ${plain(machine.kernel)}, ${machine.architecture}; ` +
      `${VERDICTS.map((verdict) => `${countOf(report, verdict)} ${verdict}`).join(', ')}, in ${seconds} s.`,
    `A letter is ${MARKS.pass} in the first table if the case passes wherever it is supported, ${MARKS.fail} if it fails in one mode over one link, and ${MARKS.unsupported} if it is supported in none.`,
    pairGrid(report),
    table([
      ['', 'case', 'what passes'],
      ...cases.map(({ letter, name, sentence }) => [letter, name, plain(sentence)]),
    ]),
    ...pairsOf(report).flatMap(({ primary, backup, results: own }) => [
      `## ${plain(primary)} is the primary, ${plain(backup)} the backup`,
      pairTable(report, own),
    ]),
    ...(failed.length === 0 ? [] : ['## Failed', reasonList(failed, settingText)]),
    ...(unsupported.length === 0
      ? []
      : ['## Unsupported', reasonList(unsupported, ({ case: name, mode }) => `${name} in ${mode}`)]),
  ];
  return `${parts.join('\n\n')}\n`;
}
