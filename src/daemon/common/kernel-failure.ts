import { KernelError } from '../../kernel/kernel.ts';
import type { WriteLine } from '../process/log-entry.ts';

/**
 * Logs that the kernel failed.
 * @param action what the node was doing, as in `bulk`
 * @throws anything that is no KernelError
 */
export function logKernelFailure(log: { readonly error: WriteLine }, action: string, error: unknown): void {
  if (!(error instanceof KernelError)) throw error;
  log.error(`${action}: ${error.message}`, {
    event: 'kernel_failed',
    action,
    reason: error.message,
    errno: error.errno === 0 ? undefined : error.errno,
  });
}
