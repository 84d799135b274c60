/** Lets pairs of each program go through faults, and says what became of them. See docs/faults.md. */

import { raiseTableLimit } from '../load/table-limit.ts';
import { missingForLab } from '../netns/lab.ts';
import { type FaultOptions, parseOptions, USAGE } from './options.ts';
import { failuresIn, runScenarios } from './run.ts';
import { jsonOf, tableOf } from './table.ts';

/** Flows that scenarios add to those of the pair. */
const MORE_FLOWS = 110_000;

function parsedOptions(): FaultOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

async function run(options: FaultOptions): Promise<number> {
  const missing = missingForLab(['conntrackd', 'prlimit', 'unshare']);
  if (missing.length > 0) {
    console.error(`the faults need ${missing.join(', ')}`);
    return 1;
  }
  process.on('exit', raiseTableLimit(Math.max(options.flows, options.restartFlows) + MORE_FLOWS));
  // The exit handler restores the raised limit; the laboratories clean up themselves.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
  const findings = await runScenarios(options, (line) => console.error(line));
  console.log(options.isJson ? jsonOf(findings) : tableOf(findings));
  const failures = failuresIn(findings);
  for (const { scenario, kind, complaints } of failures) {
    console.error(`not as it should be: ${scenario.name}, ${kind}: ${complaints.join('; ')}`);
  }
  return failures.length === 0 ? 0 : 1;
}

const options = parsedOptions();
if (options.isList) {
  for (const { name, title } of options.scenarios) console.log(`${name.padEnd(26)} ${title}`);
} else {
  process.exitCode = await run(options);
}
