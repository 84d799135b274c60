import type { Unit } from '../figure.ts';
import type { Result } from '../result.ts';

const DIGITS: Readonly<Record<Unit, number>> = { us: 2, ms: 1, s: 2, bytes: 0, MB: 1, '/s': 0 };

function value(number: number, unit: Unit): string {
  return `${number.toFixed(DIGITS[unit])} ${unit}`;
}

/** The results as a plain-text table that is also a Markdown table. */
export function tableOf(results: readonly Result[]): string {
  const head = ['what', 'C', 'ours', 'ratio', 'least .. greatest', 'target'];
  const rows = results.map((result) => [
    result.title,
    value(result.c, result.unit),
    value(result.ours, result.unit),
    result.ratio.median.toFixed(2),
    `${result.ratio.least.toFixed(2)} .. ${result.ratio.greatest.toFixed(2)}`,
    targetOf(result),
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

function targetOf({ target, moreIsBetter, reached }: Result): string {
  if (target === undefined) return '';
  return `${moreIsBetter ? '>=' : '<='} ${target}${reached ? '' : ' MISSED'}`;
}
