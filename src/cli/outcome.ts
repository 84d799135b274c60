import { VERSION } from '../control/version.ts';
import { logLine } from '../daemon/process/log-line.ts';
import type { Question } from './arguments.ts';
import type { Invocation } from './invocation.ts';
import { helpText, usageText, versionText } from './usage.ts';

/** What a command that ends at once writes to its two streams, and its exit code. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: 0 | 1;
}

/** The outcome of a command that needs neither configuration nor daemon. */
export function immediateOutcome(question: Question, invocation: Invocation): Outcome {
  switch (question.kind) {
    case 'usage':
      return { stdout: usageText(invocation.program), stderr: '', code: 0 };
    case 'help':
      return { stdout: helpText(invocation.program), stderr: '', code: 0 };
    case 'version':
      return { stdout: versionText(), stderr: '', code: 0 };
    case 'version-number':
      return { stdout: `${VERSION}\n`, stderr: '', code: 0 };
    case 'refused':
      return {
        stdout: question.usage ? usageText(invocation.program) : '',
        stderr: logLine(invocation.now, invocation.pid, 'ERROR', question.message),
        code: 1,
      };
  }
}
