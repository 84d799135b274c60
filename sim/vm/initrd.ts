/** The initial file system of a virtual machine: busybox, the modules that reach this machine's files, and a script. */

import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run, runOrThrow } from '../netns/process.ts';
import type { Kernel } from './kernels.ts';

/** How a virtual machine reaches this machine's files. The cloud kernels have no 9p. */
export type Share = '9p' | 'virtiofs';

/** The line that ends the output of a command; its exit code follows. */
export const EXIT_MARK = 'CONNTRACKD_TS_VM_EXIT';

const SHARE_MODULES: Readonly<Record<Share, readonly string[]>> = {
  '9p': ['9pnet_virtio', '9p'],
  virtiofs: ['virtiofs'],
};
const MOUNTS: Readonly<Record<Share, string>> = {
  '9p': 'mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose root /low',
  virtiofs: 'mount -t virtiofs -o ro root /low',
};

const BUSYBOX = '/bin/busybox';

/** Paths of a module and of all that it needs, in the order in which they must be loaded; undefined if the kernel lacks it. */
async function moduleFiles({ directory, release }: Kernel, module: string): Promise<string[] | undefined> {
  const { code, stdout } = await run('modprobe', ['-d', directory, '-S', release, '--show-depends', module]);
  if (code !== 0) return undefined;
  return stdout.split('\n').flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []);
}

/** 9p where the kernel has it. */
export async function shareOf(kernel: Kernel): Promise<Share> {
  return (await moduleFiles(kernel, '9p')) === undefined ? 'virtiofs' : '9p';
}

export interface InitrdOptions {
  readonly kernel: Kernel;
  readonly share: Share;
  /** What bash runs, as root. */
  readonly script: string;
}

/** Writes the initial file system into `directory`, and returns its path. */
export async function buildInitrd(
  directory: string,
  { kernel, share, script }: InitrdOptions,
): Promise<string> {
  const root = join(directory, 'root');
  for (const folder of ['bin', 'proc', 'sys', 'dev', 'modules', 'low', 'memory', 'new'])
    mkdirSync(join(root, folder), { recursive: true });
  const busybox = readFileSync(BUSYBOX);
  if (busybox.includes('/ld-linux'))
    throw new Error(`${BUSYBOX} needs shared libraries: install busybox-static`);
  writeFileSync(join(root, 'bin', 'busybox'), busybox, { mode: 0o755 });
  const order: string[] = [];
  for (const module of ['virtio_pci', ...SHARE_MODULES[share], 'overlay', 'virtio_rng'])
    for (const file of (await moduleFiles(kernel, module)) ?? [])
      if (!order.includes(basename(file))) {
        cpSync(file, join(root, 'modules', basename(file)));
        order.push(basename(file));
      }
  writeFileSync(join(root, 'command'), script);
  writeFileSync(join(root, 'init'), initScript(kernel, share, order));
  chmodSync(join(root, 'init'), 0o755);
  const archive = join(directory, 'initrd');
  await runOrThrow('sh', [
    '-c',
    'cd "$0" && find . | cpio -o -H newc --quiet | gzip -1 > "$1"',
    root,
    archive,
  ]);
  return archive;
}

/**
 * This machine's files are below, read-only; what is written stays in memory. The second script replaces init, because the kernel
 * looks for modprobe, when it needs a module, in the root of the first process.
 */
function initScript({ directory, release }: Kernel, share: Share, modules: readonly string[]): string {
  return `#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in ${modules.join(' ')}; do insmod /modules/$module; done
${MOUNTS[share]}
mount -t tmpfs -o size=80% memory /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/low,upperdir=/memory/upper,workdir=/memory/work overlay /new
for folder in proc sys dev; do mount --move /$folder /new/$folder; done
mount -t tmpfs run /new/run
mkdir -p /new/run/netns /new/run/lock /new/dev/pts /new/dev/shm /new/sys/fs/cgroup /new/lib/modules/${release}
mount -t devpts devpts /new/dev/pts
mount -t tmpfs shm /new/dev/shm
mount -t cgroup2 cgroup /new/sys/fs/cgroup
mount --bind '/new${directory}/lib/modules/${release}' /new/lib/modules/${release}
ip link set lo up
cp /command /new/run/vm-command
cat > /new/run/vm-init <<'END'
/bin/bash /run/vm-command < /dev/null > /dev/ttyS1 2>&1
echo "${EXIT_MARK} $?" > /dev/ttyS1
echo o > /proc/sysrq-trigger
sleep 60
END
exec switch_root /new /bin/bash /run/vm-init
`;
}
