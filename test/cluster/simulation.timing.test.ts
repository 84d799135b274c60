import { describe, expect, it } from 'vitest';
import { drawOptions } from '../../sim/cluster/options.ts';
import { simulate } from '../../sim/cluster/simulation.ts';

describe('simulated clusters', () => {
  it('are many times as fast as real time at 1,000 events a second', async () => {
    const begun = process.cpuUsage();
    const options = drawOptions({
      seed: 1,
      steps: 400_000,
      nodes: 2,
      mode: 'ftfw',
      rate: 1000,
      faults: 0,
      population: 1000,
    });
    const { time, packets, violation } = await simulate({ ...options, active: [0] });
    const { user, system } = process.cpuUsage(begun);
    const real = (user + system) / 1000;
    expect(violation).toBeUndefined();
    expect(packets).toBeGreaterThan(10_000);
    // Far from the figure in docs/simulator.md, for machines that do other things as well.
    expect(time / real).toBeGreaterThan(50);
  }, 60_000);
});
