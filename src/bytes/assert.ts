/** A bug of ours: the program's own state contradicts itself. Nobody may catch it and go on. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/**
 * Stops the program where its state is wrong, before wrong data reaches a peer or a kernel. It stays on in production.
 * @param message a constant: nothing is built where the condition holds
 * @throws AssertionError
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
