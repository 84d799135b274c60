import type { Config } from './config.ts';

const MIB = 1024 * 1024;
/** What a node takes without flows: Node, the program, its buffers, a dump that is being written. */
const BASE_BYTES = 160 * MIB;
/** What a flow takes in one cache, at most; docs/operations.md, Resources, has the measurements. */
const FLOW_BYTES = 200;

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

export function inMib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
