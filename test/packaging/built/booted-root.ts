import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Namespace } from '../../../sim/netns/namespace.ts';
import { type CommandResult, run, start } from '../../../sim/netns/process.ts';
import { until } from '../../../sim/netns/until.ts';
import { copyRoot } from './bare-root.ts';

/** A Debian in a folder that systemd has booted, on the network of a namespace. */
export interface BootedRoot {
  /** Runs a command in it, whatever its exit code. */
  run(...command: readonly string[]): Promise<CommandResult>;
  /** Runs a command that must succeed; returns its standard output. */
  must(...command: readonly string[]): Promise<string>;
  /** What `systemctl is-active` says of a unit. */
  stateOf(unit: string): Promise<string>;
  close(): Promise<void>;
}

/** @param path where the root is copied to; the caller removes it */
export async function bootRoot(
  namespace: Namespace,
  path: string,
  packages: readonly string[],
): Promise<BootedRoot> {
  await copyRoot(path, ['systemd', 'systemd-sysv', 'dbus', ...packages]);
  const manager = await start('systemd-nspawn', [
    ...['--boot', `--directory=${path}`, `--machine=${namespace.name}`, '--capability=all'],
    ...[`--network-namespace-path=/run/netns/${namespace.name}`, '--register=no', '--keep-unit'],
  ]);
  const close = async (): Promise<void> => {
    // Tells the systemd inside to halt.
    await manager.stop('SIGTERM', 30_000);
    // nspawn leaves this behind where the file system is no tmpfs.
    rmSync(join('/run/systemd/nspawn/propagate', namespace.name), { recursive: true, force: true });
  };
  const children = () => readFileSync(`/proc/${manager.pid}/task/${manager.pid}/children`, 'latin1').trim();
  const inside = (command: readonly string[]) => [
    ...[`--target=${children().split(' ')[0]}`, '--all', '--'],
    ...[
      '/usr/bin/env',
      '-i',
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
      'DEBIAN_FRONTEND=noninteractive',
    ],
    ...command,
  ];
  const runInside = (...command: readonly string[]) => run('nsenter', inside(command), { timeout: 120_000 });
  try {
    await until(
      `systemd of ${basename(path)}`,
      async () => /running|degraded/.test((await runInside('systemctl', 'is-system-running')).stdout),
      60_000,
    );
  } catch (error) {
    await close();
    throw new Error(`${(error as Error).message}; systemd-nspawn: ${manager.stderr()}`);
  }
  return {
    run: runInside,
    async must(...command) {
      const { code, stdout, stderr } = await runInside(...command);
      if (code !== 0) throw new Error(`${command.join(' ')}: exit code ${code}: ${stderr || stdout}`);
      return stdout;
    },
    stateOf: async (unit) => (await runInside('systemctl', 'is-active', unit)).stdout.trim(),
    close,
  };
}
