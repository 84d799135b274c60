import type { Figure, Unit } from '../figure.ts';
import type { Comparison, Result } from '../result.ts';
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

const HEAD_OF_OURS = ['ours', 'ratio', 'least .. greatest', 'target', 'limit of ours', 'ours / limit'];

/**
 * The results as a plain-text table that is also a Markdown table.
 * @param otherNode what the other Node is, where ours ran on one as well
 */
export function tableOf(results: readonly Result[], otherNode?: string): string {
  const others = HEAD_OF_OURS.map((title) => `${title}, ${otherNode}`);
  const head = ['what', 'C', ...HEAD_OF_OURS, ...(otherNode === undefined ? [] : others)];
  const rows = results.map((result) => [
    result.title,
    value(result.c, result.unit),
    ...cellsOf(result, result),
    ...(result.other === undefined ? [] : cellsOf(result, result.other)),
  ]);
  return markdownTable(head, rows, 1);
}

function cellsOf(figure: Figure, { ours, ratio, reached, limit, overLimit }: Comparison): string[] {
  return [
    value(ours, figure.unit),
    ratio.median.toFixed(2),
    `${ratio.least.toFixed(2)} .. ${ratio.greatest.toFixed(2)}`,
    targetOf(figure, reached),
    limit === undefined ? '' : value(limit, figure.unit),
    overLimit === undefined ? '' : overLimit.toFixed(2),
  ];
}

function targetOf({ target, oursAtMost, unit, moreIsBetter }: Figure, reached: boolean | undefined): string {
  const missed = reached ? '' : ' MISSED';
  if (oursAtMost !== undefined) return `ours <= ${oursAtMost} ${unit}${missed}`;
  return target === undefined ? '' : `${moreIsBetter ? '>=' : '<='} ${target}${missed}`;
}
