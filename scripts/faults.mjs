// The faults, with what the laboratory needs installed first where that is possible. Arguments: docs/faults.md.
import { installMissing, unfit } from './system-packages.mjs';

if (unfit() === undefined) installMissing();
await import('../dist/sim/faults/main.js');
