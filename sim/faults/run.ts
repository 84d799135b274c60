import { fileURLToPath } from 'node:url';
import { inParallel } from '../jobs.ts';
import { javascriptProgram } from '../netns/lab.ts';
import type { FaultOptions } from './options.ts';
import type { PairKind } from './pair-kind.ts';
import { GIVE_UP_MS, type Outcome, type Scenario } from './scenario.ts';
import { withStage } from './stage/stage.ts';
import { cellText, type Finding } from './table.ts';
import { complaintsAbout } from './verdict.ts';

/** Our built program, next to this module. */
export const OUR_MAIN = fileURLToPath(new URL('../../program/main.js', import.meta.url));

interface Task {
  readonly scenario: Scenario;
  readonly kind: PairKind;
}

async function outcomeOf({ scenario, kind }: Task, options: FaultOptions): Promise<Outcome> {
  const flows = scenario.flows?.(options.flows, options.restartFlows) ?? options.flows;
  try {
    return await withStage(
      {
        kind,
        ours: javascriptProgram(options.program ?? OUR_MAIN),
        flows,
        churnPerSecond: options.churnPerSecond,
        giveUpMs: scenario.giveUpMs ?? GIVE_UP_MS,
        changes: scenario.changes?.(flows) ?? {},
      },
      scenario.run,
    );
  } catch (error) {
    // A node that ended, or did not start: a row of the table as others are.
    return { trouble: shortened((error as Error).message) };
  }
}

const SHOWN = 90;

/** The beginning of a message, which says what failed, and its end, which says why. */
function shortened(message: string): string {
  const text = message.replace(/[\s^]+/g, ' ').trim();
  return text.length <= 2 * SHOWN ? text : `${text.slice(0, SHOWN)} ... ${text.slice(-SHOWN)}`;
}

/** Runs the scenarios with each kind of pair, and calls `progress` with a line for each. */
export async function runScenarios(
  options: FaultOptions,
  progress: (line: string) => void,
): Promise<readonly Finding[]> {
  const tasks: readonly Task[] = options.scenarios.flatMap((scenario) =>
    (scenario.pairs ?? ['c', 'ours'])
      .filter((kind) => options.kinds.includes(kind))
      .map((kind) => ({ scenario, kind })),
  );
  return inParallel(tasks, options.jobs, async (task, index) => {
    const outcome = await outcomeOf(task, options);
    progress(
      `${index + 1} of ${tasks.length}, ${task.scenario.name}, ${task.kind}: ${cellText(outcome, task.scenario.target)}`,
    );
    return { ...task, outcome, complaints: complaintsAbout(outcome, task.scenario.target) };
  });
}

/** The findings about our program that are not as they should be. */
export function failuresIn(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ kind, complaints }) => kind !== 'c' && complaints.length > 0);
}
