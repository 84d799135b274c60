// Installs what virtual machines need, and runs tests on Debian's other kernels: see sim/vm/test-kernels.ts.
import { parseCommandLine, USAGE } from '../dist/sim/vm/command-line.js';
import { installMissing, unfit } from './system-packages.mjs';

/** Whether there is something to run; else it has been said why not. */
function isToRun() {
  try {
    if (!parseCommandLine(process.argv.slice(2)).help) return true;
    process.stdout.write(USAGE);
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
  }
  return false;
}

if (isToRun()) {
  const missing = unfit() === undefined ? installMissing() : [];
  const reason = unfit() ?? (missing.length > 0 ? `no ${missing.join(', ')}` : undefined);
  if (reason === undefined) {
    await import('../dist/sim/vm/test-kernels.js');
  } else {
    console.error(reason);
    process.exitCode = 1;
  }
}
