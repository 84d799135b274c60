import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from '../../../sim/netns/namespace.ts';
import { type CommandResult, run, runOrThrow } from '../../../sim/netns/process.ts';
import { until } from '../../../sim/netns/until.ts';
import { copyRoot } from './bare-root.ts';

/** A machine with podman: a Debian in a folder, on the network of a namespace, which is the host's network to its containers. */
export interface ContainerHost {
  /** Runs a script of the shell, whatever its exit code. */
  run(script: string): Promise<CommandResult>;
  /** Runs a script that must succeed; returns its standard output. */
  must(script: string): Promise<string>;
}

/** The folder's mounts are in a mount namespace of its own, and it is the root there: the runtime refuses a changed root. */
const ENTER = `set -e
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount --rbind /sys "$0/sys"
mount -t cgroup2 cgroup2 "$0/sys/fs/cgroup"
mount --rbind /dev "$0/dev"
mount -t tmpfs tmpfs "$0/dev/shm"
mount -t tmpfs tmpfs "$0/run"
mkdir "$0/before"
cd "$0"
pivot_root . before
umount -l /before
exec sleep infinity`;

/** Control groups and higher limits need what a test's machine may not have, and have no part in what an image does. */
const CONTAINERS_CONF = `[containers]
cgroups = "disabled"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
`;

/** Takes no help from the file system. */
const STORAGE_CONF = `[storage]
driver = "vfs"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
`;

/** @param path where the root is copied to; the caller removes it, and ends what runs in the namespace */
export async function openContainerHost(namespace: Namespace, path: string): Promise<ContainerHost> {
  // The network plug-ins are a choice that debootstrap does not make by itself.
  await copyRoot(path, ['containernetworking-plugins', 'podman', 'crun']);
  mkdirSync(join(path, 'etc/containers'), { recursive: true });
  writeFileSync(join(path, 'etc/containers/containers.conf'), CONTAINERS_CONF);
  writeFileSync(join(path, 'etc/containers/storage.conf'), STORAGE_CONF);
  const machine = await namespace.start('sh', ['-c', ENTER, path]);
  await until('the root of the machine', () => /\/sleep$/.test(readlinkSync(`/proc/${machine.pid}/exe`)));
  const inside = (script: string) => [
    ...[`--target=${machine.pid}`, '--mount', '--net', '--root', '--wd', '/usr/bin/env', '-i'],
    ...['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'sh', '-ec', `cd /root; ${script}`],
  ];
  const options = { timeout: 300_000 };
  return {
    run: (script) => run('nsenter', inside(script), options),
    must: (script) => runOrThrow('nsenter', inside(script), options),
  };
}
