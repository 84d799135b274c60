import { closestMatch } from 'leven';

/** What somebody typed means nothing. The message names the word and what was expected instead of it. */
export class WordError extends Error {
  override readonly name = 'WordError';
}

/** Edits between a mistyped word and the one that was meant, at most. */
const SUGGESTION_DISTANCE_MAX = 2;

/** ``found `dprt', expected a word of a filter (did you mean `dport'?)`` */
export function unexpectedWord(
  word: string | undefined,
  expected: string,
  names: readonly string[] = [],
): WordError {
  const found = word === undefined ? 'the end' : `\`${word}'`;
  const meant =
    word === undefined
      ? undefined
      : closestMatch(word.toLowerCase(), [...names], { maxDistance: SUGGESTION_DISTANCE_MAX });
  const hint = meant === undefined ? '' : ` (did you mean \`${meant}'?)`;
  return new WordError(`found ${found}, expected ${expected}${hint}`);
}
