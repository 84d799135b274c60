import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from './namespace.ts';
import { runOrThrow, start } from './process.ts';
import { until } from './until.ts';

/** A systemd of its own: a user manager, which starts, watches and restarts units as that of the machine does. */
export interface Systemd {
  /** Writes a unit's file and starts it; resolves when systemd has it for started. */
  startUnit(name: string, text: string): Promise<void>;
  /** Properties of a unit, as `systemctl show` names them. */
  show(name: string, ...properties: readonly string[]): Promise<Record<string, string>>;
  /** Stops all units, ends systemd, and removes its control groups. */
  close(): Promise<void>;
}

/** The hierarchy that systemd manages: of its own beside version 1 of control groups, else the only one. */
const HIERARCHY = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup'].find((path) => existsSync(path)) ?? '';

/**
 * Starts systemd in a namespace, with its files in `directory`, and a /run of its own, where it takes the machine for one that it
 * has booted.
 */
export async function startSystemd(namespace: Namespace, directory: string): Promise<Systemd> {
  const units = join(directory, 'systemd/user');
  const runtime = join(directory, 'runtime');
  mkdirSync(units, { recursive: true });
  mkdirSync(runtime, { mode: 0o700 });
  const group = join(HIERARCHY, namespace.name);
  mkdirSync(group);
  // In another hierarchy it would find itself in the root, and move all processes of the machine into a group of its own.
  const script = `echo $$ > '${group}/cgroup.procs'
for other in /sys/fs/cgroup/*; do
  if [ "$other" != '${HIERARCHY}' ] && mountpoint -q "$other"; then umount "$other"; fi
done
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
# Where it looks as root for what replaces a path that a unit may not see.
ln -s '${runtime}/systemd/inaccessible' /run/systemd/inaccessible
exec /lib/systemd/systemd --user`;
  const environment = { ...process.env, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: directory };
  // Not with `ip netns exec`, which hides the control groups below a /sys of its own.
  const manager = await start(
    'nsenter',
    [`--net=/run/netns/${namespace.name}`, 'unshare', '--mount', 'sh', '-ec', script],
    { env: environment },
  );
  const systemctl = (...words: readonly string[]) =>
    runOrThrow('nsenter', [
      `--target=${manager.pid}`,
      '--mount',
      'env',
      `XDG_RUNTIME_DIR=${runtime}`,
      'systemctl',
      '--user',
      ...words,
    ]);
  const close = async (): Promise<void> => {
    // SIGTERM makes a user manager stop its units and exit.
    await manager.stop('SIGTERM');
    await until('the control groups are empty', () => removeGroups(group));
  };
  try {
    await until('systemd answers', async () => /running|degraded/.test(await systemctl('is-system-running')));
  } catch (error) {
    await close();
    throw new Error(`${(error as Error).message}; systemd: ${manager.stderr()}`);
  }
  return {
    async startUnit(name, text) {
      writeFileSync(join(units, name), text);
      await systemctl('daemon-reload');
      await systemctl('start', name);
    },
    async show(name, ...properties) {
      const text = await systemctl('show', name, ...properties.map((one) => `--property=${one}`));
      return Object.fromEntries(
        text
          .trim()
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    },
    close,
  };
}

/** Removes a control group and those in it. False while there are processes in one. */
function removeGroups(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeGroups(join(path, entry.name))) return false;
    }
    rmdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY') return false;
    throw error;
  }
}
