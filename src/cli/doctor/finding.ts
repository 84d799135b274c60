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
}

export function ok(check: string, found: string): Finding {
  return { check, level: 'ok', found };
}

export function warning(check: string, found: string, advice: string): Finding {
  return { check, level: 'warning', found, advice };
}

export function problem(check: string, found: string, advice: string): Finding {
  return { check, level: 'problem', found, advice };
}

export function unseen(check: string, found: string, advice?: string): Finding {
  return advice === undefined ? { check, level: 'unseen', found } : { check, level: 'unseen', found, advice };
}
