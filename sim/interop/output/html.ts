import { relative } from 'node:path';
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
import { escaped } from './escape.ts';

const STYLE = `
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
table { border-collapse: collapse; margin: 1em 0 }
th, td { border: 1px solid #bbb; padding: 3px 8px; text-align: left; vertical-align: top }
.pass { background: #d9f2d9 } .fail { background: #f7c6c6 } .unsupported { background: #eee; color: #666 }
td.pass, td.fail, td.unsupported { text-align: center }
.letters { display: block; padding: 0 4px }
`;

const MARKS: Readonly<Record<Verdict, string>> = { pass: '\u2713', fail: '\u2717', unsupported: '\u2013' };

function pairId(primary: string, backup: string): string {
  return `pair-${primary}-to-${backup}`;
}

function pairGrid(report: GridReport): string {
  const names = report.nodes.map(({ name }) => name);
  const pairs = pairsOf(report);
  const cell = (primary: string, backup: string) => {
    const letters = lettersOf(report, pairs.find((one) => one.primary === primary && one.backup === backup)!);
    const parts = VERDICTS.filter((verdict) => letters[verdict].length > 0).map(
      (verdict) =>
        `<span class="letters ${verdict}" title="${verdict}">${MARKS[verdict]} ${escaped(letters[verdict].join(' '))}</span>`,
    );
    return `<td><a href="#${escaped(pairId(primary, backup))}">details</a>${parts.join('')}</td>`;
  };
  const head = names.map((name) => `<th>${escaped(name)}</th>`).join('');
  const rows = names.map(
    (primary) =>
      `<tr><th>${escaped(primary)}</th>${names.map((backup) => cell(primary, backup)).join('')}</tr>`,
  );
  return `<table><tr><th>primary \\ backup</th>${head}</tr>\n${rows.join('\n')}</table>`;
}

function resultCell(result: CaseResult | undefined, folder: string): string {
  if (result === undefined) return '<td></td>';
  const { verdict, reason, seconds, evidence } = result;
  const title = escaped(`${verdict}, ${seconds} s${reason === undefined ? '' : `: ${reason}`}`);
  const mark =
    evidence === undefined
      ? MARKS[verdict]
      : `<a href="${escaped(hrefOf(evidence, folder))}">${MARKS[verdict]}</a>`;
  return `<td class="${verdict}" title="${title}">${mark}</td>`;
}

/** From the folder of the HTML file, so that both can be moved together. */
function hrefOf(evidence: string, folder: string): string {
  return relative(folder, evidence).split('/').map(encodeURIComponent).join('/');
}

function pairTables(report: GridReport, folder: string): string {
  const columns = report.modes.flatMap((mode) => report.links.map((link) => ({ mode, link })));
  const modes = report.modes.map((mode) => `<th colspan="${report.links.length}">${mode}</th>`).join('');
  const links = columns.map(({ link }) => `<th>${link}</th>`).join('');
  return pairsOf(report)
    .map(({ primary, backup, results }) => {
      const rows = report.cases.map(({ letter, name }) => {
        const cells = columns.map(({ mode, link }) =>
          resultCell(
            results.find((one) => one.case === name && one.mode === mode && one.link === link),
            folder,
          ),
        );
        return `<tr><th>${escaped(letter)}</th><th>${escaped(name)}</th>${cells.join('')}</tr>`;
      });
      return (
        `<h2 id="${escaped(pairId(primary, backup))}">${escaped(primary)} to ${escaped(backup)}</h2>\n` +
        `<table><tr><th rowspan="2"></th><th rowspan="2">case</th>${modes}</tr><tr>${links}</tr>\n${rows.join('\n')}</table>`
      );
    })
    .join('\n');
}

function reasons(report: GridReport, verdict: Verdict, folder: string): string {
  const results = report.results.filter((one) => one.verdict === verdict);
  if (results.length === 0) return '<p>none</p>';
  const items = results.map((one) => {
    const kept =
      one.evidence === undefined
        ? ''
        : ` <a href="${escaped(hrefOf(one.evidence, folder))}">logs and captures</a>`;
    return `<li>${escaped(settingText(one))}: ${escaped(one.reason ?? '')}${kept}</li>`;
  });
  return `<ul>\n${items.join('\n')}\n</ul>`;
}

/**
 * The grid as one HTML file that loads nothing and runs nothing.
 * @param folder the folder in which the file will lie: links to what was kept begin there
 */
export function htmlOf(report: GridReport, folder: string): string {
  const { begun, seconds, machine, nodes, cases } = report;
  const nodeRows = nodes.map(
    ({ name, version, path }) =>
      `<tr><th>${escaped(name)}</th><td>${escaped(version)}</td><td>${escaped(path)}</td></tr>`,
  );
  const caseRows = cases.map(
    ({ letter, name, sentence }) =>
      `<tr><th>${escaped(letter)}</th><th>${escaped(name)}</th><td>${escaped(sentence)}</td></tr>`,
  );
  const counts = VERDICTS.map((verdict) => `${countOf(report, verdict)} ${verdict}`).join(', ');
  const unproven = unprovenNodes(report).map(
    (name) => `<p class="fail">nothing was shown about ${escaped(name)}: it passed no case</p>\n`,
  );
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>conntrackd interop, ${escaped(begun)}</title><style>${STYLE}</style></head>
<body>
<h1>conntrackd interop</h1>
<p>${escaped(begun)}, ${seconds} s, Linux ${escaped(machine.kernel)}, ${escaped(machine.architecture)}, Node ${escaped(machine.node)}: ${counts}</p>
${unproven.join('')}<table>${nodeRows.join('\n')}</table>
<p>Each cell has the letters of the cases: passed (${MARKS.pass}) wherever they are supported, failed (${MARKS.fail}) in at least one mode over one link, unsupported (${MARKS.unsupported}) in all.</p>
${pairGrid(report)}
<table>${caseRows.join('\n')}</table>
${pairTables(report, folder)}
<h2>Failed</h2>
${reasons(report, 'fail', folder)}
<h2>Unsupported</h2>
${reasons(report, 'unsupported', folder)}
</body>
</html>
`;
}
