/** Values of options that several commands of the laboratory take. */

import { closestMatch } from 'leven';

/** Edits between a mistyped word and the one that was meant, at most. */
const SUGGESTION_DISTANCE_MAX = 2;

/** @throws RangeError unless the text is a whole number from 1 */
export function countIn(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${option}: \`${text}' is no count`);
  return value;
}

/**
 * The words between the commas of `text`, in the order of `choices`; all choices if there is no text.
 * @throws RangeError for a word that is no choice, with the one that was probably meant
 */
export function namesIn<Name extends string>(
  option: string,
  text: string | undefined,
  choices: readonly Name[],
): readonly Name[] {
  if (text === undefined) return choices;
  const words = text.split(',');
  for (const word of words) {
    if (choices.some((choice) => choice === word)) continue;
    const meant = closestMatch(word, [...choices], { maxDistance: SUGGESTION_DISTANCE_MAX });
    const hint = meant === undefined ? `expected one of ${choices.join(', ')}` : `did you mean \`${meant}'?`;
    throw new RangeError(`--${option}: \`${word}' is unknown; ${hint}`);
  }
  return choices.filter((choice) => words.includes(choice));
}
