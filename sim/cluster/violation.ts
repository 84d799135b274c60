/** A broken rule, which ends the run. */
export class Violation extends Error {
  override readonly name = 'Violation';
  /** The rule, in few words; the shrinker looks for the same one. */
  readonly rule: string;

  constructor(rule: string, detail: string) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
  }
}

/** An error's message, and where it arose. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
