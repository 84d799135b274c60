// Tries the packages: builds them, makes bare Debians once (debootstrap), and runs the tests in test/packaging/built, which install, upgrade
// and purge the Debian package, boot it, build and run a container of it, and run the one for arm64 under QEMU. Needs root, Debian, and
// the network.
import { spawnSync } from 'node:child_process';
import { installMissing, unfit } from './system-packages.mjs';

function run(command, args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const reason = unfit();
if (reason !== undefined) {
  console.error(`cannot try the package: ${reason}`);
  process.exit(1);
}
installMissing();
for (const [program, name] of Object.entries({
  debootstrap: 'debootstrap',
  'systemd-nspawn': 'systemd-container',
  'qemu-aarch64-static': 'qemu-user-static',
})) {
  if (spawnSync(program, ['--version']).error !== undefined) {
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name]);
  }
}
run(process.execPath, ['scripts/package.mjs']);
run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project=package']);
