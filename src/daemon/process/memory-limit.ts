import { totalmem } from 'node:os';
import type { Config } from '../../config/config.ts';

const MIB = 1024 * 1024;
/** What a node takes without flows: Node, the program, its buffers, a dump that is being written. */
const BASE_BYTES = 160 * MIB;
/** What a flow takes in one cache, at most; docs/operations.md, Resources, has the measurements. */
const FLOW_BYTES = 200;

const CHECK_INTERVAL_MS = 10_000;
/** The part of the limit from which on the log warns, and below which it may warn again. */
const NEAR = 0.9;
const FAR = 0.8;

/**
 * Bytes that the control group allows this process (`memory.max`, or `memory.limit_in_bytes` of version 1); undefined: all
 * there are.
 */
export function memoryLimit(): number | undefined {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : undefined;
}

/** Bytes that a node takes when each of its caches holds HashLimit flows. */
export function memoryNeed(config: Config): number {
  const { hashLimit } = config.general;
  if (config.mode === 'helper') return BASE_BYTES;
  if (config.mode === 'stats') return BASE_BYTES + FLOW_BYTES * hashLimit;
  const { disableInternalCache, disableExternalCache } = config.sync;
  const caches = Number(!disableInternalCache) + Number(!disableExternalCache);
  return BASE_BYTES + FLOW_BYTES * hashLimit * caches;
}

/** What is wrong with a limit for this configuration; undefined if nothing is. */
export function memoryTrouble(config: Config, limit: number | undefined): string | undefined {
  const need = memoryNeed(config);
  if (limit === undefined || limit >= need) return undefined;
  return (
    `the control group allows ${inMib(limit)} of memory; with HashLimit ${config.general.hashLimit} ` +
    `the caches may need ${inMib(need)}`
  );
}

/** Warns when the process comes near its limit, where the kernel kills it without a word. */
export class MemoryWatch {
  private readonly timer: NodeJS.Timeout;
  private isNear = false;

  /** @param limit bytes */
  constructor(limit: number, warn: (text: string) => void, intervalMs = CHECK_INTERVAL_MS) {
    this.timer = setInterval(() => {
      const used = process.memoryUsage.rss();
      if (used < FAR * limit) this.isNear = false;
      if (used < NEAR * limit || this.isNear) return;
      this.isNear = true;
      warn(
        `memory: ${inMib(used)} of the ${inMib(limit)} that the control group allows are used, and at the limit the kernel kills the ` +
          'daemon: raise MemoryMax= of the unit or the limit of the container, or lower HashLimit',
      );
    }, intervalMs);
  }

  close(): void {
    clearInterval(this.timer);
  }
}

function inMib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
