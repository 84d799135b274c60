import { NodeStartError } from '../netns/lab.ts';

/** A node refused its configuration: the case is not supported. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** Date and process that a line of the log begins with. */
const PREFIX = /^\[[^\]]*\] \(pid=\d+\) \[\w+\]:? */;

/**
 * What a node says about a configuration that it refuses: C's `parsing config file in line (3), symbol ...`, ours'
 * `conntrackd.conf:3:5: found ...`, and words for what a program was built without.
 */
const ABOUT_CONFIGURATION = /parsing config file|\.conf:\d+|syntax error|not supported|unsupported/i;

/**
 * The line with which a node refused its configuration; undefined if it did not. A node that is killed by a signal, says nothing, or
 * goes on has not refused.
 */
export function refusalIn(error: unknown): string | undefined {
  if (!(error instanceof NodeStartError) || !error.exit?.code) return undefined;
  return error.log
    .split('\n')
    .find((line) => ABOUT_CONFIGURATION.test(line))
    ?.replace(PREFIX, '')
    .replace(/\S*\/(?=[^/\s]*\.conf:\d)/, '')
    .trim();
}
