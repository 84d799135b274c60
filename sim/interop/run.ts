import { release } from 'node:os';
import { join } from 'node:path';
import { inParallel } from '../jobs.ts';
import { versionsOf } from './node-version.ts';
import type { GridOptions } from './options.ts';
import { playCase } from './play.ts';
import { type CaseResult, type GridReport, settingText } from './result.ts';
import type { Setting } from './setting.ts';
import type { TestCase } from './test-case.ts';

interface Task {
  readonly testCase: TestCase;
  readonly setting: Setting;
}

/** Every case over every link in every mode, for every ordered pair of nodes, a node with itself included. */
function tasksOf({ nodes, cases, modes, links }: GridOptions): readonly Task[] {
  return nodes.flatMap((primary) =>
    nodes.flatMap((backup) =>
      modes.flatMap((mode) =>
        links.flatMap((link) =>
          cases.map((testCase) => ({ testCase, setting: { mode, link, primary, backup } })),
        ),
      ),
    ),
  );
}

function progressText(result: CaseResult): string {
  const { verdict, reason, seconds, evidence } = result;
  const why = reason === undefined ? '' : `: ${reason}`;
  return `${settingText(result)}: ${verdict} (${seconds} s)${why}${evidence === undefined ? '' : ` [${evidence}]`}`;
}

/** Plays the grid, and calls `progress` with a line for each case played. */
export async function runGrid(options: GridOptions, progress: (line: string) => void): Promise<GridReport> {
  const begun = new Date();
  const { nodes, cases, modes, links } = options;
  const versions = await versionsOf(nodes);
  const tasks = tasksOf(options);
  const directory = join(
    options.out,
    begun
      .toISOString()
      .replace(/\.\d+Z$/, 'Z')
      .replaceAll(':', '-'),
  );
  let played = 0;
  const results = await inParallel(tasks, options.jobs, async ({ testCase, setting }) => {
    const { primary, backup, mode, link } = setting;
    const result = await playCase(testCase, setting, {
      evidence: join(directory, `${primary.name}-to-${backup.name}`, `${testCase.name}-${mode}-${link}`),
      isAllKept: options.isAllKept,
      timeoutSeconds: options.timeoutSeconds,
    });
    progress(`${++played} of ${tasks.length}, ${progressText(result)}`);
    return result;
  });
  return {
    schema: 1,
    begun: begun.toISOString(),
    seconds: Math.round((Date.now() - begun.getTime()) / 1_000),
    machine: { kernel: release(), architecture: process.arch, node: process.version },
    nodes: nodes.map(({ name, path }, at) => ({ name, path, version: versions[at]! })),
    cases: cases.map(({ letter, name, sentence }) => ({ letter, name, sentence })),
    modes,
    links,
    results,
  };
}
