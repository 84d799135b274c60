import { setTimeout as sleep } from 'node:timers/promises';
import { type Capture, withLab } from '../netns/lab.ts';
import { PATIENCE } from '../netns/patience.ts';
import { keepEvidence } from './evidence.ts';
import { Refusal } from './refusal.ts';
import type { CaseResult } from './result.ts';
import type { Setting } from './setting.ts';
import { stageIn } from './stage.ts';
import type { TestCase } from './test-case.ts';

export interface PlayOptions {
  /** Where what is kept of this case goes. */
  readonly evidence: string;
  /** Whether something is kept of what passed, too. */
  readonly isAllKept: boolean;
  /** Seconds after which the case has failed. */
  readonly timeoutSeconds: number;
}

type Outcome = Pick<CaseResult, 'verdict' | 'reason' | 'evidence'>;

const REASON_LENGTH_MAX = 300;

/** A message in one line that a table can hold: its beginning says what failed, and its end why. */
function shortened(message: string): string {
  const text = message.replace(/\s+/g, ' ').trim();
  if (text.length <= REASON_LENGTH_MAX) return text;
  return `${text.slice(0, REASON_LENGTH_MAX / 2)} ... ${text.slice(-REASON_LENGTH_MAX / 2)}`;
}

async function inTime(work: Promise<void>, seconds: number): Promise<void> {
  const done = new AbortController();
  const late = sleep(seconds * 1_000 * PATIENCE, undefined, { signal: done.signal }).then(
    () => {
      throw new Error(`not done within ${seconds * PATIENCE} s`);
    },
    () => {},
  );
  try {
    await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}

async function playInLab(
  testCase: TestCase,
  setting: Setting,
  { evidence, isAllKept, timeoutSeconds }: PlayOptions,
): Promise<Outcome> {
  return withLab(testCase.lab ?? {}, async (lab): Promise<Outcome> => {
    const stage = stageIn(lab, setting, testCase.configuration);
    const captures: Capture[] = [];
    for (let link = 0; link < (testCase.lab?.syncLinks ?? 1); link++) captures.push(await lab.capture(link));
    try {
      await inTime(testCase.play(stage), timeoutSeconds);
      if (!isAllKept) return { verdict: 'pass' };
      await keepEvidence(stage, captures, 'passed', evidence);
      return { verdict: 'pass', evidence };
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof Refusal) return { verdict: 'unsupported', reason: shortened(message) };
      const reason = shortened(message);
      try {
        await keepEvidence(stage, captures, message, evidence);
        return { verdict: 'fail', reason, evidence };
      } catch (trouble) {
        return {
          verdict: 'fail',
          reason: `${reason}; nothing kept: ${shortened((trouble as Error).message)}`,
        };
      }
    }
  });
}

/** Plays a case in a setting, in a laboratory of its own. Never rejects: what goes wrong is a failure of the case. */
export async function playCase(
  testCase: TestCase,
  setting: Setting,
  options: PlayOptions,
): Promise<CaseResult> {
  const begun = performance.now();
  const unsupported =
    testCase.senseless?.(setting.mode, setting.link) ??
    (await testCase.kernelLacks?.().catch(() => undefined));
  const outcome: Outcome =
    unsupported === undefined
      ? await playInLab(testCase, setting, options).catch((error: Error) => ({
          verdict: 'fail' as const,
          reason: shortened(`the laboratory: ${error.message}`),
        }))
      : { verdict: 'unsupported', reason: unsupported };
  return {
    case: testCase.name,
    mode: setting.mode,
    link: setting.link,
    primary: setting.primary.name,
    backup: setting.backup.name,
    ...outcome,
    seconds: Math.round((performance.now() - begun) / 100) / 10,
  };
}
