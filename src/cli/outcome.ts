import { logLine } from '../daemon/process/log-line.ts';
import type { Question } from './arguments.ts';
import type { Speaker } from './speaker.ts';
import { helpText, usageText, versionText } from './usage.ts';
import { VERSION } from './version.ts';

/** What a program leaves behind: its two streams and its exit code. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: 0 | 1;
}

/** The outcome of what needs neither configuration nor daemon. */
export function immediateOutcome(question: Question, speaker: Speaker): Outcome {
  switch (question.kind) {
    case 'usage':
      return { stdout: usageText(speaker.program), stderr: '', code: 0 };
    case 'help':
      return { stdout: helpText(speaker.program), stderr: '', code: 0 };
    case 'version':
      return { stdout: versionText(), stderr: '', code: 0 };
    case 'version-number':
      return { stdout: `${VERSION}\n`, stderr: '', code: 0 };
    case 'refused':
      return {
        stdout: question.usage ? usageText(speaker.program) : '',
        stderr: logLine(speaker.now, speaker.pid, 'ERROR', question.message),
        code: question.code,
      };
  }
}
