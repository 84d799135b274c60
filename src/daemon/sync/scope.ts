/** The kinds of record that a command is about. */
export type Scope = 'flows' | 'expectations' | 'all';

/** Returns whether a command with this scope is about expectations: never without ExpectationSync. */
export function includesExpectations(
  scope: Scope,
  { expectationSync }: { readonly expectationSync: boolean | readonly string[] },
): boolean {
  return scope !== 'flows' && expectationSync !== false;
}
