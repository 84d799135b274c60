// The bench against C nodes, with what it needs installed first where that is possible. Arguments: docs/performance.md.
import { installMissing, unfit } from './system-packages.mjs';

if (unfit() === undefined) installMissing();
await import('../dist/bench/main.js');
