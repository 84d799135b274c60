import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessFigures } from '../../metrics/process-families.ts';

function openDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}

function descriptorsMax(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    return found ? Number(found[1]) : undefined;
  } catch {
    return undefined;
  }
}

/** This process. */
export function ownProcess(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  const open = openDescriptors();
  const max = descriptorsMax();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startedAt: Date.now() / 1000 - process.uptime(),
    ...(open === undefined ? {} : { openDescriptors: open }),
    ...(max === undefined ? {} : { descriptorsMax: max }),
  };
}
