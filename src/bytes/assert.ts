/** A bug in this program: its own state contradicts itself. No caller may catch it and continue. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/**
 * Stops the program if its state is wrong, before wrong data reaches a peer or the kernel. Stays active in
 * production.
 * @param message a constant, so that a condition that holds costs no string
 * @throws AssertionError
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
