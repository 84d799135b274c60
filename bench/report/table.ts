import type { Unit } from '../figure.ts';
import type { Result } from '../result.ts';
import { markdownTable } from './markdown.ts';

const DIGITS: Readonly<Record<Unit, number>> = {
  us: 2,
  ms: 1,
  s: 2,
  bytes: 0,
  MB: 1,
  '/s': 1,
  '%': 1,
  times: 2,
};

function value(number: number, unit: Unit): string {
  return `${number.toFixed(DIGITS[unit])} ${unit}`;
}

/** The results as a plain-text table that is also a Markdown table. */
export function tableOf(results: readonly Result[]): string {
  const head = ['what', 'C', 'ours', 'ratio', 'least .. greatest', 'target', 'limit of ours', 'ours / limit'];
  const rows = results.map((result) => [
    result.title,
    value(result.c, result.unit),
    value(result.ours, result.unit),
    result.ratio.median.toFixed(2),
    `${result.ratio.least.toFixed(2)} .. ${result.ratio.greatest.toFixed(2)}`,
    targetOf(result),
    result.limit === undefined ? '' : value(result.limit, result.unit),
    result.overLimit === undefined ? '' : result.overLimit.toFixed(2),
  ]);
  return markdownTable(head, rows, 1);
}

function targetOf({ target, oursAtMost, unit, moreIsBetter, reached }: Result): string {
  const missed = reached ? '' : ' MISSED';
  if (oursAtMost !== undefined) return `ours <= ${oursAtMost} ${unit}${missed}`;
  return target === undefined ? '' : `${moreIsBetter ? '>=' : '<='} ${target}${missed}`;
}
