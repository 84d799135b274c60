import { parseDuration } from '../flows/filter/amounts.ts';

/** An hour. */
const SECONDS_MAX = 3600;

/** The seconds behind an option, such as `5s`; `otherwise` without it. @throws Error that says what is expected */
export function secondsOption(option: string, text: string | undefined, otherwise: number): number {
  const seconds = text === undefined ? otherwise : parseDuration(text);
  if (seconds === undefined || seconds < 1 || seconds > SECONDS_MAX)
    throw new Error(`${option} ${text}: expected a time from 1s to 1h, such as 5s`);
  return seconds;
}
