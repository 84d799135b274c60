import type { Measure } from './figure.ts';
import { asymmetric } from './measure/asymmetric.ts';
import { bursts } from './measure/bursts.ts';
import { churn } from './measure/churn.ts';
import { client } from './measure/client.ts';
import { busyCommit, commit, largeCommit } from './measure/commit.ts';
import { delay, delayLow } from './measure/delay.ts';
import { dump } from './measure/dump.ts';
import { flush } from './measure/flush.ts';
import { loss } from './measure/loss.ts';
import { memory } from './measure/memory.ts';
import { rate } from './measure/rate.ts';
import { rest } from './measure/rest.ts';
import { resync } from './measure/resync.ts';
import { start } from './measure/start.ts';

/** In the order in which they run and are printed. */
export const MEASURES: readonly Measure[] = [
  churn,
  bursts,
  rate,
  delay,
  delayLow,
  asymmetric,
  resync,
  commit,
  largeCommit,
  busyCommit,
  dump,
  memory,
  start,
  rest,
  client,
  flush,
  loss,
];
