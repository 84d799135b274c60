import type { PairKind } from './pair-kind.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { isEqual } from './stage/comparison.ts';

/** A scenario as one kind of pair went through it. */
export interface Finding {
  readonly scenario: Scenario;
  readonly kind: PairKind;
  readonly outcome: Outcome;
  /** What is not as it should be; of C it is told, and is no failure. */
  readonly complaints: readonly string[];
}

const COLUMN_TITLES: Readonly<Record<PairKind, string>> = {
  c: 'C',
  ours: 'ours',
  mixed: 'C primary, our backup',
};

/** `1.7 MB`, `12 kB`, `96 B`. */
function bytesText(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1_000 ? `${Math.round(bytes / 1_000)} kB` : `${bytes} B`;
}

function secondsText(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

const count = (value: number): string => value.toLocaleString('en');

/** What a pair did, in a cell of the table. */
export function cellText(outcome: Outcome, shown: Scenario['target']): string {
  const { lacks, dead, own, recoverMs, refused, offered, answerMs } = outcome;
  const parts: string[] = [];
  if (outcome.trouble !== undefined) parts.push(outcome.trouble);
  if (lacks) parts.push(`lacks ${count(lacks)}`);
  if (dead) parts.push(`${count(dead)} dead ones`);
  if (recoverMs !== undefined) parts.push(`equal after ${secondsText(recoverMs)}`);
  if (own !== undefined && !isEqual(own)) {
    parts.push(`the primary's own cache lacks ${count(own.lacks)}, ${count(own.dead)} dead ones`);
  }
  if (outcome.planted !== undefined) {
    parts.push(`${count(outcome.planted)} planted, ${count(outcome.plantedInKernel ?? 0)} in the kernel`);
  }
  if (refused !== undefined && shown.refused)
    parts.push(`refused, counted: ${count(refused)} of ${count(offered ?? 0)}`);
  if (outcome.bytesSent !== undefined && shown.bytesSentMax !== undefined) {
    parts.push(`${bytesText(outcome.bytesSent)} sent`);
  }
  if (outcome.lost !== undefined && shown.lostMax !== undefined) parts.push(`"lost" ${count(outcome.lost)}`);
  if (outcome.logLines !== undefined && shown.logLinesMax !== undefined) {
    parts.push(`${count(outcome.logLines)} log lines`);
  }
  if (answerMs !== undefined) {
    parts.push(
      Number.isFinite(answerMs) ? `answers after ${secondsText(answerMs)}` : 'socket does not answer',
    );
  }
  if (outcome.loadMs !== undefined) parts.push(`load took ${secondsText(outcome.loadMs)}`);
  return parts.join('; ').replaceAll('|', '/');
}

/** The findings as a Markdown table, a row for each scenario. A cell of ours that is not as it should be is in bold. */
export function tableOf(findings: readonly Finding[]): string {
  const scenarios = [...new Set(findings.map(({ scenario }) => scenario))];
  const kinds = (['c', 'ours', 'mixed'] as const).filter((kind) =>
    findings.some((finding) => finding.kind === kind),
  );
  const cell = (scenario: Scenario, kind: PairKind): string => {
    const found = findings.find((finding) => finding.scenario === scenario && finding.kind === kind);
    if (found === undefined) return '';
    const text = cellText(found.outcome, scenario.target);
    return kind !== 'c' && found.complaints.length > 0 ? `**${text}**` : text;
  };
  return [
    `| fault | ${kinds.map((kind) => COLUMN_TITLES[kind]).join(' | ')} |`,
    `|---|${kinds.map(() => '---|').join('')}`,
    ...scenarios.map(
      (scenario) => `| ${scenario.title} | ${kinds.map((kind) => cell(scenario, kind)).join(' | ')} |`,
    ),
  ].join('\n');
}

/** The findings as JSON. */
export function jsonOf(findings: readonly Finding[]): string {
  const rows = findings.map(({ scenario: { name, title, target }, kind, outcome, complaints }) => ({
    name,
    title,
    pair: kind,
    target,
    // JSON has no Infinity.
    outcome: Object.fromEntries(
      Object.entries(outcome).map(([key, value]) => [key, value === Number.POSITIVE_INFINITY ? null : value]),
    ),
    complaints,
  }));
  return `${JSON.stringify(rows, undefined, 2)}\n`;
}
