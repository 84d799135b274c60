// Installs what virtual machines need, and runs tests on Debian's other kernels: see sim/vm/test-kernels.ts.
import { installMissing, unfit } from './system-packages.mjs';

const missing = unfit() === undefined ? installMissing() : [];
const reason = unfit() ?? (missing.length > 0 ? `no ${missing.join(', ')}` : undefined);
if (reason === undefined) {
  await import('../dist/sim/vm/test-kernels.js');
} else {
  console.error(reason);
  process.exitCode = 1;
}
