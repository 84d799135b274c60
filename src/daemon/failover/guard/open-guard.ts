import { KernelError } from '../../../kernel/kernel.ts';
import { GuardTable } from '../../../kernel/nftables/guard-table.ts';
import { AddressWatch } from '../../../link/addresses.ts';
import type { GuardSettings } from '../../../settings/settings.ts';
import { ifNameToIndex, interfaceNames } from '../../../system/interfaces.ts';
import { libc } from '../../../system/libc.ts';
import { SystemError } from '../../../system/system-error.ts';
import type { Runtime } from '../../common/runtime.ts';
import type { CleanupStack } from '../../process/cleanup-stack.ts';
import type { Log } from '../../process/log.ts';
import { Guard } from './guard.ts';

/** The guard cannot be had here: one line that says why. */
export class GuardError extends Error {
  override readonly name = 'GuardError';
}

/**
 * Makes the guard's table in the kernel, with nothing guarded, and follows the machine's addresses.
 * @throws GuardError
 */
export function openGuard(
  { interfaces, allow, liftAfterSeconds }: GuardSettings,
  log: Log,
  runtime: Runtime,
  opened: CleanupStack,
): Guard {
  for (const name of interfaces) requireInterface(name);
  const longestMs = 1000 * liftAfterSeconds;
  try {
    const table = new GuardTable(libc(), { interfaces, allow, timeoutMs: longestMs });
    opened.add(() => table.close());
    let watch: AddressWatch | undefined;
    const guard = new Guard(table, { interfaces, longestMs }, log, runtime, () => watch?.drain());
    opened.add(() => guard.close());
    const watching = new AddressWatch(libc(), guard);
    watch = watching;
    opened.add(() => watching.close());
    log.notice(`guard of ${interfaces.join(', ')}: raised when this node is told that it is backup`, {
      event: 'guard_ready',
      interfaces: interfaces.join(','),
      longest_ms: longestMs,
    });
    return guard;
  } catch (error) {
    if (!(error instanceof KernelError || error instanceof SystemError)) throw error;
    throw new GuardError(`[failover.guard]: ${error.message}`);
  }
}

function requireInterface(name: string): void {
  try {
    ifNameToIndex(name);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const names = interfaceNames().filter((known) => known !== 'lo');
    const there = names.length === 0 ? '' : `, expected one of ${names.join(', ')}`;
    throw new GuardError(`[failover.guard]: interface \`${name}' does not exist${there}`);
  }
}
