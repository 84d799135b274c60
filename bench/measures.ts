import type { Measure } from './figure.ts';
import { bursts } from './measure/bursts.ts';
import { commit } from './measure/commit.ts';
import { dump } from './measure/dump.ts';
import { memory } from './measure/memory.ts';
import { resync } from './measure/resync.ts';

/** In the order in which they run and are printed. */
export const MEASURES: readonly Measure[] = [bursts, resync, commit, dump, memory];
