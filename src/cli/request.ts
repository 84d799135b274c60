import type { Writable } from 'node:stream';
import { relayAnswer, SilentError, UnreachableError } from '../control/client.ts';
import { plainRequest, Request, RoleRequest } from '../control/codes.ts';
import { logLine } from '../daemon/process/log-line.ts';

/** The C client's one message for every failure. */
const UNREACHABLE = "can't connect: is conntrackd running? appropriate permissions?";

/** Milliseconds for which the daemon may send nothing. */
const SILENCE_MS = 60_000;
/** The same while it commits: a million flows take some 15 s. */
const COMMIT_SILENCE_MS = 600_000;

const COMMITTING: ReadonlySet<number> = new Set([
  Request.COMMIT_CT,
  Request.COMMIT_EXPECT,
  Request.COMMIT_ALL,
  RoleRequest.PRIMARY,
]);

/** How long a client waits for the next piece of an answer, in milliseconds. C's waits for ever. */
export function silenceMsOf(request: number): number {
  return COMMITTING.has(plainRequest(request)) ? COMMIT_SILENCE_MS : SILENCE_MS;
}

/**
 * Asks the daemon whose control socket is `path`, and passes its answer to `output`; an error goes to `errors` as a log
 * line. Resolves to the exit code: 1 if the daemon could not be asked, or stays silent for `silenceMs`; 0 otherwise.
 */
export async function runRequest(
  path: string,
  request: number,
  output: Writable,
  errors: Writable,
  silenceMs = silenceMsOf(request),
): Promise<0 | 1> {
  try {
    await relayAnswer(path, request, output, silenceMs);
    return 0;
  } catch (error) {
    const isKnown =
      error instanceof UnreachableError || error instanceof RangeError || error instanceof SilentError;
    if (!isKnown) throw error;
    const text = error instanceof UnreachableError ? UNREACHABLE : error.message;
    errors.write(logLine(new Date(), process.pid, 'ERROR', text));
    return 1;
  }
}
