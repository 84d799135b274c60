/** `npm run sim`: simulated clusters on a seed. Ends with 1 if a rule was broken, and with 2 if it was called wrongly. */

import { parseCommandLine, USAGE } from './cluster/command-line.ts';
import { listScenarios, playBatch, playRun, playScenario, replayRun } from './cluster/player.ts';

try {
  const wanted = parseCommandLine(process.argv.slice(2));
  let held = true;
  if (wanted.help) process.stdout.write(USAGE);
  else if (wanted.list) listScenarios();
  else if (wanted.scenario !== undefined) held = await playScenario(wanted.scenario);
  else if (wanted.replay !== undefined) held = await replayRun(wanted.replay);
  else if (wanted.runs !== undefined || wanted.minutes !== undefined) held = await playBatch(wanted);
  else held = await playRun(wanted);
  if (!held) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
