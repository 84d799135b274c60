/** How much a finding matters; `unseen`: the check could not look. */
export type Level = 'ok' | 'warning' | 'problem' | 'unseen';

/** The result of one check. */
export interface Finding {
  /** Its subject, in a word or two. */
  readonly check: string;
  readonly level: Level;
  /** What was found, in one line. */
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
  /** Commands that mend it, for a shell on this machine, in their order. */
  readonly commands?: readonly string[];
}

/** How bad a finding is: the worst has the smallest number. */
export const SEVERITY: Readonly<Record<Level, number>> = { problem: 0, warning: 1, unseen: 2, ok: 3 };

/** The findings with the worst first, and else in their order. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((one, other) => SEVERITY[one.level] - SEVERITY[other.level]);
}

/** How many findings have a level. */
export function countOf(findings: readonly Finding[], level: Level): number {
  return findings.filter((finding) => finding.level === level).length;
}

export function ok(check: string, found: string): Finding {
  return { check, level: 'ok', found };
}

/** A finding that something is to be done about. @param commands for a shell on this machine */
function remediable(
  level: 'warning' | 'problem',
  check: string,
  found: string,
  advice: string,
  commands: readonly string[],
): Finding {
  return { check, level, found, advice, ...(commands.length > 0 && { commands }) };
}

export function warning(check: string, found: string, advice: string, ...commands: string[]): Finding {
  return remediable('warning', check, found, advice, commands);
}

export function problem(check: string, found: string, advice: string, ...commands: string[]): Finding {
  return remediable('problem', check, found, advice, commands);
}

export function unseen(check: string, found: string, advice?: string): Finding {
  return advice === undefined ? { check, level: 'unseen', found } : { check, level: 'unseen', found, advice };
}
