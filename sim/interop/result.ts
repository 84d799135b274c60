import type { Link, Mode } from './setting.ts';

export const VERDICTS = ['pass', 'fail', 'unsupported'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** What became of one case in one setting. */
export interface CaseResult {
  /** Its name. */
  readonly case: string;
  readonly mode: Mode;
  readonly link: Link;
  /** Names of the nodes. */
  readonly primary: string;
  readonly backup: string;
  readonly verdict: Verdict;
  /** Why it failed, or is not supported. */
  readonly reason?: string;
  readonly seconds: number;
  /** The folder with what was kept of it, as a path. */
  readonly evidence?: string;
}

/** A whole grid: what `--json` writes, and what all other outputs show. */
export interface GridReport {
  /** The version of docs/schema/interop.json. */
  readonly schema: 1;
  /** When it began, as ISO 8601 in UTC. */
  readonly begun: string;
  readonly seconds: number;
  readonly machine: { readonly kernel: string; readonly architecture: string; readonly node: string };
  readonly nodes: readonly { readonly name: string; readonly path: string; readonly version: string }[];
  readonly cases: readonly { readonly letter: string; readonly name: string; readonly sentence: string }[];
  readonly modes: readonly Mode[];
  readonly links: readonly Link[];
  readonly results: readonly CaseResult[];
}

/** The results of one ordered pair of nodes. */
export interface PairResults {
  readonly primary: string;
  readonly backup: string;
  readonly results: readonly CaseResult[];
}

/** The results of each ordered pair, in the order of the nodes. */
export function pairsOf({ nodes, results }: GridReport): readonly PairResults[] {
  return nodes.flatMap(({ name: primary }) =>
    nodes.map(({ name: backup }) => ({
      primary,
      backup,
      results: results.filter((one) => one.primary === primary && one.backup === backup),
    })),
  );
}

/** The verdict over several settings: what failed in one has failed, and what passed in one is supported. Undefined of none. */
export function overall(results: readonly CaseResult[]): Verdict | undefined {
  const has = (verdict: Verdict) => results.some((one) => one.verdict === verdict);
  if (has('fail')) return 'fail';
  if (has('pass')) return 'pass';
  return has('unsupported') ? 'unsupported' : undefined;
}

/** The letters of the cases with each overall verdict. */
export function lettersOf(
  { cases }: GridReport,
  { results }: PairResults,
): Readonly<Record<Verdict, readonly string[]>> {
  const letters = (verdict: Verdict) =>
    cases
      .filter(({ name }) => overall(results.filter((one) => one.case === name)) === verdict)
      .map(({ letter }) => letter);
  return { pass: letters('pass'), fail: letters('fail'), unsupported: letters('unsupported') };
}

/** `c -> ours, loss, notrack, tcp` */
export function settingText({ primary, backup, case: name, mode, link }: CaseResult): string {
  return `${primary} -> ${backup}, ${name}, ${mode}, ${link}`;
}

export function countOf({ results }: GridReport, verdict: Verdict): number {
  return results.filter((one) => one.verdict === verdict).length;
}

/** What makes a run fail beside cases that failed: nodes about which nothing was shown. */
export function unprovenNodes({ nodes, results }: GridReport): readonly string[] {
  return nodes
    .map(({ name }) => name)
    .filter(
      (name) =>
        !results.some(
          ({ verdict, primary, backup }) => verdict === 'pass' && (primary === name || backup === name),
        ),
    );
}
