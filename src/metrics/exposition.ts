/**
 * Prometheus's text format 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

import type { Distribution, Family, Labels } from './family.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function* distributionLines(name: string, { labels, buckets, count, sum }: Distribution): Generator<string> {
  for (const [bound, below] of [...buckets, [Number.POSITIVE_INFINITY, count] as const]) {
    yield `${name}_bucket${labelText({ ...labels, le: numberText(bound) })} ${below}\n`;
  }
  yield `${name}_sum${labelText(labels)} ${numberText(sum)}\n`;
  yield `${name}_count${labelText(labels)} ${count}\n`;
}

/** The families as text; one without samples is left out. */
export function exposition(families: readonly Family[]): string {
  let text = '';
  for (const { type, name, help, samples } of families) {
    if (samples.length === 0) continue;
    text += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
    for (const sample of samples) {
      if ('buckets' in sample) text += [...distributionLines(name, sample)].join('');
      else text += `${name}${labelText(sample.labels)} ${numberText(sample.value)}\n`;
    }
  }
  return text;
}
