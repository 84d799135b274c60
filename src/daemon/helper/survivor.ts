import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HelperKey } from '../../kernel/userspace-helper/helper-messages.ts';

/**
 * Waits for a line. At the end of its input instead, because the daemon is gone, it becomes the program that its arguments
 * name. systemd sends SIGTERM to all that a killed daemon leaves behind.
 */
const WAIT = 'trap "" HUP INT TERM; read -r line && exit 0; exec "$@"';

const DISABLE = fileURLToPath(new URL('./disable-helpers.js', import.meta.url));

/** A process that outlives a killed daemon. */
export interface Survivor {
  /** Ends it: there is nothing left to do. */
  dismiss(): void;
}

/**
 * Starts a shell that disables these helpers in the kernel when this process ends without having dismissed it, as SIGKILL
 * makes it: the kernel keeps a helper enabled, and then tracks no new connection of its protocol.
 * @param onError is told why no shell could be started
 */
export function startSurvivor(helpers: readonly HelperKey[], onError: (error: Error) => void): Survivor {
  const names = helpers.map(({ name, family, transport }) => `${name},${family},${transport}`);
  const args = ['-c', WAIT, 'conntrackd-ts-survivor', process.execPath, DISABLE, ...names];
  const shell = spawn('sh', args, { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  shell.on('error', onError);
  // It may have been killed itself.
  shell.stdin.on('error', () => {});
  shell.unref();
  // A pipe of Node's is a socket, whose handle would keep this process alive.
  (shell.stdin as unknown as { unref(): void }).unref();
  return { dismiss: () => void shell.stdin.end('done\n') };
}
