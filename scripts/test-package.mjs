// Tries the Debian package for this machine's architecture on a bare Debian: builds it, makes the root once (debootstrap), and runs the
// tests in test/packaging/built. Needs root, Debian, and the network for the first time.
import { spawnSync } from 'node:child_process';
import { installMissing, unfit } from './system-packages.mjs';

const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };

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
})) {
  if (spawnSync(program, ['--version']).error !== undefined) {
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name]);
  }
}
run(process.execPath, ['scripts/package.mjs', '--arch', ARCHITECTURES[process.arch]]);
run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project=package']);
