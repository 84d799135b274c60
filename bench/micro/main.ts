/** Measures single steps without system calls: operations per second of CPU, and bytes allocated per operation. */

import { median } from '../statistics.ts';
import { allocationOf } from './allocation.ts';
import { effect, STEPS } from './steps.ts';

const WARM_UP_MILLISECONDS = 500;
const SAMPLES = 9;
const OPERATIONS = 20_000;
/** Few enough that one object per operation fits the young generation, so that no collection runs meanwhile. */
const ALLOCATING = 2_000;

console.log(
  '| step | operations a second of CPU | ns of CPU each | bytes allocated each |\n|---|---:|---:|---:|',
);
for (const { name, prepare } of STEPS) {
  const run = prepare();
  const end = performance.now() + WARM_UP_MILLISECONDS;
  while (performance.now() < end) run(OPERATIONS);
  const times: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const begin = process.cpuUsage();
    run(OPERATIONS);
    const { user, system } = process.cpuUsage(begin);
    times.push((user + system) / OPERATIONS);
  }
  const bytes: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const allocated = await allocationOf(() => run(ALLOCATING));
    if (allocated.collections === 0) bytes.push(allocated.bytes / ALLOCATING);
  }
  const microseconds = median(times);
  const shown = bytes.length === 0 ? 'unknown' : median(bytes).toFixed(1);
  const rate = Math.round(1e6 / microseconds).toLocaleString('en');
  console.log(`| ${name} | ${rate} | ${(microseconds * 1e3).toFixed(0)} | ${shown} |`);
}
if (!Number.isFinite(effect())) throw new Error('the steps had no effect');
