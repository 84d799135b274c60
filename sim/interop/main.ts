/** Plays the interop grid. See docs/interop.md. */

import { raiseTableLimit } from '../load/table-limit.ts';
import { missingForLab } from '../netns/lab.ts';
import { type GridCommand, type GridOptions, parseGridArguments, USAGE } from './options.ts';
import { writeFiles } from './output/files.ts';
import { textOf } from './output/text.ts';
import { CASES } from './registry.ts';
import { countOf, unprovenNodes } from './result.ts';
import { runGrid } from './run.ts';

/** More flows than a case has in one table. */
const TABLE_SIZE = 20_000;

function parsedCommand(): GridCommand {
  try {
    return parseGridArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n--help says what there is`);
    process.exit(2);
  }
}

async function run(options: GridOptions): Promise<number> {
  const missing = missingForLab(['tcpdump']);
  if (missing.length > 0) {
    console.error(`the interop grid needs ${missing.join(', ')}`);
    return 1;
  }
  process.on('exit', raiseTableLimit(TABLE_SIZE));
  // The exit handler restores the raised limit; the laboratories clean up themselves.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
  const report = await runGrid(options, (line) => console.error(line));
  writeFiles(report, options.files);
  console.log(textOf(report));
  return countOf(report, 'fail') + unprovenNodes(report).length > 0 ? 1 : 0;
}

const command = parsedCommand();
if (command.kind === 'help') console.log(USAGE);
else if (command.kind === 'run') process.exitCode = await run(command.options);
else for (const { letter, name, sentence } of CASES) console.log(`${letter} ${name.padEnd(16)} ${sentence}`);
