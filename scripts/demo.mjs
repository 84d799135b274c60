// The demo, with what it needs installed first where that is possible.
import { installMissing, unfit } from './system-packages.mjs';

if (unfit() === undefined) installMissing();
await import('../dist/sim/demo.js');
