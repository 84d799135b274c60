import type { Writable } from 'node:stream';
import { askDaemon, UnreachableError } from '../control/client.ts';
import { logLine } from '../daemon/process/log-line.ts';

/** The C client's one message for every failure. */
const UNREACHABLE = "can't connect: is conntrackd running? appropriate permissions?";

/**
 * Asks the daemon whose control socket is `path`, and passes its answer to `output`; an error goes to `errors` as a log
 * line. Resolves to the exit code: 1 if the daemon could not be asked, 0 otherwise.
 */
export async function runRequest(
  path: string,
  request: number,
  output: Writable,
  errors: Writable,
): Promise<0 | 1> {
  try {
    await askDaemon(path, request, output);
    return 0;
  } catch (error) {
    if (!(error instanceof UnreachableError || error instanceof RangeError)) throw error;
    const text = error instanceof RangeError ? error.message : UNREACHABLE;
    errors.write(logLine(new Date(), process.pid, 'ERROR', text));
    return 1;
  }
}
