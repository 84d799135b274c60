/** Lets a pair run for long, under churn and faults at random. See docs/faults.md. */

import { writeFileSync } from 'node:fs';
import { OUR_MAIN } from '../faults/run.ts';
import { GIVE_UP_MS } from '../faults/scenario.ts';
import { withStage } from '../faults/stage/stage.ts';
import { raiseTableLimit } from '../load/table-limit.ts';
import { javascriptProgram, missingForLab } from '../netns/lab.ts';
import { curvesOf } from './curves.ts';
import { growthOf } from './growth.ts';
import { parseOptions, type SoakOptions, USAGE } from './options.ts';
import { soak } from './soak.ts';
import { isClean, summaryOf } from './summary.ts';

function parsedOptions(): SoakOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

async function run(options: SoakOptions): Promise<number> {
  const missing = missingForLab(['conntrackd']);
  if (missing.length > 0) {
    console.error(`the soak needs ${missing.join(', ')}`);
    return 1;
  }
  const { kind, flows, ratePerSecond, seed, minutes } = options;
  process.on('exit', raiseTableLimit(2 * flows));
  // The exit handler restores the raised limit; the laboratory cleans up itself.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
  const title = `${kind}, ${minutes} min, seed ${seed}, ${flows} flows, ${ratePerSecond} events a second`;
  console.log(title);
  const result = await withStage(
    {
      kind,
      ours: javascriptProgram(options.program ?? OUR_MAIN),
      flows,
      churnPerSecond: ratePerSecond,
      giveUpMs: GIVE_UP_MS,
      changes: {},
    },
    (stage) => soak(stage, options, (line) => console.log(line)),
  );
  const growth = growthOf(result.samples);
  writeFileSync(options.svg, curvesOf(title, result.samples, result.events));
  writeFileSync(options.json, `${JSON.stringify({ options, growth, ...result })}\n`);
  console.log(`\n${summaryOf(result, growth)}\ncurves: ${options.svg}, samples: ${options.json}`);
  return isClean(result, growth) ? 0 : 1;
}

process.exitCode = await run(parsedOptions());
