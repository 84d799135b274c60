import { setTimeout } from 'node:timers/promises';
import { SCHEMA_VERSION } from '../../control/version.ts';
import { growthOf } from '../../facts/kernel/sample.ts';
import { readTableStatistics, type TableStatistics } from '../../kernel/listing/table-statistics.ts';
import { type OutputStreams, SharedOptions } from '../options/shared-options.ts';
import { durationOption, readArguments, runFlowCommand } from './command.ts';
import { WordError } from './filter/error.ts';

const USAGE = `Usage: conntrackd-ts stats [--for TIME] [--json]
Prints the counters of the kernel's connection tracking as conntrack -S does, one line a CPU; then their sums, and how full the
table is. Counters are since the network namespace was made. No daemon is needed.
  --for TIME, wait so long, and print also how much each sum grew a second
  --json, the same as one JSON object

Examples:
  conntrackd-ts stats
  conntrackd-ts stats --for 5s
`;

/** A reading, and what it says with an earlier one. */
export interface StatisticsReport {
  readonly statistics: TableStatistics;
  /** Sums over all CPUs. */
  readonly total: Readonly<Record<string, number>>;
  /** How much each sum grew a second; only with an earlier reading. */
  readonly perSecond?: Readonly<Record<string, number>>;
}

/** @param seconds between the two readings */
export function statisticsReport(
  statistics: TableStatistics,
  before?: TableStatistics,
  seconds = 1,
): StatisticsReport {
  const names = [...new Set(statistics.cpus.flatMap(({ counters }) => [...counters.keys()]))];
  const total: Record<string, number> = {};
  const perSecond: Record<string, number> = {};
  for (const name of names) {
    total[name] = statistics.cpus.reduce((sum, { counters }) => sum + (counters.get(name) ?? 0), 0);
    if (before !== undefined) perSecond[name] = growthOf(name, statistics, before) / seconds;
  }
  return { statistics, total, ...(before === undefined ? {} : { perSecond }) };
}

function pairs(values: Iterable<readonly [string, number]>): string {
  let text = '';
  for (const [name, value] of values) text += `${name}=${value} `;
  return text;
}

/** The lines of `conntrack -S`, then `total`, `per second` and `entries`. */
export function statisticsText({ statistics, total, perSecond }: StatisticsReport): string {
  let text = '';
  for (const { cpu, counters } of statistics.cpus)
    text += `cpu=${String(cpu).padEnd(4)}\t${pairs(counters)}\n`;
  text += `total   \t${pairs(Object.entries(total))}\n`;
  if (perSecond !== undefined) {
    const rates = Object.entries(perSecond).map(([name, rate]) => [name, Number(rate.toFixed(1))] as const);
    text += `a second\t${pairs(rates)}\n`;
  }
  const { entries, maxEntries } = statistics;
  const share = maxEntries ? ` (${((100 * entries) / maxEntries).toFixed(1)}%)` : '';
  return `${text}entries=${entries}${maxEntries === undefined ? '' : ` max=${maxEntries}${share}`}\n`;
}

export function statisticsJson({ statistics, total, perSecond }: StatisticsReport): string {
  const { cpus, entries, maxEntries } = statistics;
  const byCpu = cpus.map(({ cpu, counters }) => ({ cpu, ...Object.fromEntries(counters) }));
  return `${JSON.stringify({ schema: SCHEMA_VERSION, entries, maxEntries, total, perSecond, cpus: byCpu })}\n`;
}

/** `stats [--for TIME] [--json]`. Resolves to the exit code. */
export function runStats(args: readonly string[], streams: OutputStreams): Promise<0 | 1> {
  return runFlowCommand('stats', USAGE, args, streams, async () => {
    const { values, positionals } = readArguments(args, { for: SharedOptions.for, json: SharedOptions.json });
    if (positionals.length > 0) throw new WordError(`found \`${positionals[0]}', expected no word`);
    const seconds = durationOption('--for', values.for);
    if (seconds === 0) throw new WordError('--for needs at least 1s');
    let report: StatisticsReport;
    if (seconds === undefined) report = statisticsReport(readTableStatistics());
    else {
      const before = readTableStatistics();
      const start = performance.now();
      await setTimeout(1000 * seconds);
      report = statisticsReport(readTableStatistics(), before, (performance.now() - start) / 1000);
    }
    streams.stdout.write(values.json ? statisticsJson(report) : statisticsText(report));
    return 0;
  });
}
