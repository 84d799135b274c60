// Builds the packages from a fresh build, so that nothing old is packed.
import { spawnSync } from 'node:child_process';

const { status } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
await import('../dist/scripts/package/main.js');
