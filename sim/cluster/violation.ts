/** Something that must never be so: the run ends with it. */
export class Violation extends Error {
  override readonly name = 'Violation';
  /** Which rule it is against, in few words; the shrinker looks for the same one. */
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
