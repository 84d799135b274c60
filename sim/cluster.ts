/** `npm run sim`: simulated clusters on a seed. Ends with 1 if a rule was broken, and with 2 if it was called wrongly. */

import { parseCommandLine, USAGE } from './cluster/command-line.ts';
import {
  listScenarios,
  replayRecording,
  runBothPaths,
  runGroupFigures,
  runScenario,
  runSeed,
  runSeeds,
  runSeveral,
} from './cluster/commands.ts';

try {
  const command = parseCommandLine(process.argv.slice(2));
  let held = true;
  if (command.help) process.stdout.write(USAGE);
  else if (command.list) listScenarios();
  else if (command.several) held = await runSeveral(command);
  else if (command.groupFigures) await runGroupFigures(command);
  else if (command.scenario !== undefined) held = await runScenario(command.scenario);
  else if (command.replay !== undefined) held = await replayRecording(command.replay);
  else if (command.bothPaths) held = await runBothPaths(command);
  else if (command.runs !== undefined || command.minutes !== undefined) held = await runSeeds(command);
  else held = await runSeed(command);
  if (!held) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
