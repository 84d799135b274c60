import { writeSync } from 'node:fs';
import { say } from './say.ts';

/** The exit code after standard output took no more: a reader that has what it wants is a quiet end, anything else an error. */
function codeAfter(error: NodeJS.ErrnoException): 0 | 1 {
  if (error.code === 'EPIPE') return 0;
  say('ERROR', `standard output: ${error.message}`);
  return 1;
}

/** Ends the process when standard output takes no more: there is nobody to work for. */
export function endWithStandardOutput(): void {
  process.stdout.on('error', (error) => process.exit(codeAfter(error)));
  // There is no better place to say so.
  process.stderr.on('error', () => {});
}

/** Writes all of a text to standard output at once. Returns the exit code if that fails, else `code`. */
export function writeOutput(text: string, code: 0 | 1): 0 | 1 {
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
    return code;
  } catch (error) {
    return codeAfter(error as NodeJS.ErrnoException);
  }
}
