import { expect, it, vi } from 'vitest';
import { memoryNeed, memoryTrouble } from '../../src/config/memory-need.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { MemoryWatch } from '../../src/daemon/process/memory-watch.ts';
import { doChores } from '../../src/system/process/chores.ts';

const MIB = 1024 * 1024;

const config = (general: string, mode = '') =>
  parseConfig(
    `Sync { Mode NOTRACK { ${mode} } UDP { IPv4_address 10.0.0.1
IPv4_Destination_Address 10.0.0.2
Port 3780
Interface eth0 } }
General { ${general} }`,
    'c.conf',
  ).config;

it('what full caches need follows from HashLimit and the caches that there are', () => {
  const one = memoryNeed(config('HashLimit 1000000', 'DisableInternalCache on'));
  expect(memoryNeed(config('HashLimit 1000000')) - one).toBe(200_000_000);
  expect(memoryTrouble(config('HashLimit 1000000'), 600 * MIB)).toBeUndefined();
  expect(memoryTrouble(config('HashLimit 1000000'), undefined)).toBeUndefined();
  expect(memoryTrouble(config('HashLimit 1000000'), 500 * MIB)).toBe(
    'the control group allows 500 MiB of memory; with HashLimit 1000000 the caches may need 541 MiB',
  );
});

it('warns once while the limit is near, and again after it was far', () => {
  vi.useFakeTimers();
  const used = vi.spyOn(process.memoryUsage, 'rss');
  const warnings: string[] = [];
  const watch = new MemoryWatch(100 * MIB, { warning: (text) => warnings.push(text) }, 1000);
  try {
    for (const mib of [70, 90, 95, 85, 91, 79, 92]) {
      used.mockReturnValue(mib * MIB);
      vi.advanceTimersByTime(1000);
      doChores();
    }
    expect(warnings.map((text) => text.slice(0, 38))).toEqual([
      'memory: 90 MiB of the 100 MiB that the',
      'memory: 92 MiB of the 100 MiB that the',
    ]);
  } finally {
    watch.close();
    vi.restoreAllMocks();
    vi.useRealTimers();
  }
});
