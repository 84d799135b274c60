import { logLine } from '../daemon/log-line.ts';
import type { Command } from './arguments.ts';
import { helpText, usageText, versionText } from './usage.ts';
import { VERSION } from './version.ts';

/** What a program leaves behind: its two streams and its exit code. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: 0 | 1;
}

/** Who speaks: for the usage and the log lines. */
export interface Speaker {
  /** What the program was called as. */
  readonly program: string;
  readonly pid: number;
  readonly now: Date;
}

/** The warnings of a command as log lines for standard error. */
export function warningLines(command: Command, { now, pid }: Speaker): string {
  let text = '';
  for (const warning of command.warnings) text += logLine(now, pid, 'warning', warning);
  return text;
}

/**
 * The outcome of a command that needs neither configuration nor daemon: usage, help, version, refusal. Undefined for
 * the others.
 */
export function immediateOutcome(command: Command, speaker: Speaker): Outcome | undefined {
  const { action } = command;
  const warnings = warningLines(command, speaker);
  switch (action.kind) {
    case 'usage':
      return { stdout: usageText(speaker.program), stderr: warnings, code: 0 };
    case 'help':
      return { stdout: helpText(speaker.program), stderr: warnings, code: 0 };
    case 'version':
      return { stdout: versionText(), stderr: warnings, code: 0 };
    case 'version-number':
      return { stdout: `${VERSION}\n`, stderr: warnings, code: 0 };
    case 'refused':
      return {
        stdout: action.usage ? usageText(speaker.program) : '',
        stderr: warnings + logLine(speaker.now, speaker.pid, 'ERROR', action.message),
        code: action.code,
      };
    default:
      return undefined;
  }
}
