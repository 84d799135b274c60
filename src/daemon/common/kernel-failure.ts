import { KernelError } from '../../kernel/kernel.ts';

/**
 * Logs that the kernel failed.
 * @param action what the node was doing, as in `bulk`
 * @throws anything that is no KernelError
 */
export function logKernelFailure(log: { error(text: string): void }, action: string, error: unknown): void {
  if (!(error instanceof KernelError)) throw error;
  log.error(`${action}: ${error.message}`);
}
