// A pair in virtual time whose link fails for 5 s, and whose primary then dies: node simulator.mjs 7
import { describeFault, drawOptions, simulate } from 'conntrackd-ts/simulator';

const seed = Number(process.argv[2] ?? 1);
const options = drawOptions({ seed, steps: 5000, nodes: 2, mode: 'ftfw', faults: 0 });
const script = [
  { round: 0, at: 1000, kind: 'partition', wire: 0, from: 0, to: 1, lasts: 5000 },
  { round: 0, at: 8000, kind: 'failover', node: 0, to: 1, lasts: 2000, clockJump: 0 },
];
const { violation, steps, time, faults } = await simulate(options, { script });
for (const fault of script) console.log(describeFault(fault));
console.log(`${faults} faults, ${steps} steps, ${Math.round(time / 1000)} s of virtual time`);
console.log(violation === undefined ? 'all rules held' : `broken: ${violation.message}`);
