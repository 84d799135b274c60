import { choicesOf, type HelpEntry } from './help-text.ts';
import type { CommandHelp } from './program-help.ts';

/** What completes the argument of an option: one of these words, a path, or nothing that is known. */
export type Completion = readonly string[] | 'path' | 'none';

/** Undefined where the option takes no argument. */
export function argumentCompletion({ argument }: HelpEntry): Completion | undefined {
  if (argument === '') return undefined;
  const choices = choicesOf(argument);
  if (choices.length > 0) return choices;
  return /FILE|DIR|configfile/.test(argument) ? 'path' : 'none';
}

/** What completes a command's words that are no options. */
export function operandCompletion({ synopsis, filter }: CommandHelp): Completion {
  if (filter.length > 0) return filter.map(({ name }) => name);
  const operands = synopsis
    .replaceAll(/\[--?[^\]]*(?:\[[^\]]*\])?[^\]]*\]/g, '')
    .split(' ')
    .slice(1);
  for (const operand of operands) {
    const choices = choicesOf(operand);
    if (choices.length > 0) return choices;
    if (operand.startsWith('FILE')) return 'path';
  }
  return 'none';
}
