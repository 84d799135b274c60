import { askDaemonForText } from './client.ts';
import { jsonForm, Request } from './codes.ts';
import { figuresOfText } from './figures-of-text.ts';
import type { NodeFigures, SidesFigures } from './node-figures.ts';
import type { Snapshot, SyncSnapshot } from './snapshot.ts';

/** Milliseconds for which the daemon may send nothing. */
const SILENCE_MS = 10_000;

function textOf(path: string, request: number): Promise<string> {
  return askDaemonForText(path, request, SILENCE_MS);
}

/** The members of an answer in JSON; undefined for the empty one that a C node gives. */
async function jsonOf<T>(path: string, request: number): Promise<T | undefined> {
  const text = await textOf(path, jsonForm(request)!);
  if (text === '') return undefined;
  const { schema: _, ...members } = JSON.parse(text) as T & { readonly schema?: number };
  return members as T;
}

/** The answer to STATISTICS as `statistics-json.ts` has it. */
type General = Partial<Omit<SyncSnapshot, 'mode'>> &
  Partial<SidesFigures> & { readonly mode: Snapshot['mode'] };

/**
 * Asks for what the texts tell. A C node counts a request for JSON as one that it does not know; these it knows.
 * @throws UnreachableError, SilentError, RangeError as `askDaemon`
 */
export async function askTextFigures(path: string): Promise<NodeFigures> {
  return figuresOfText({
    general: await textOf(path, Request.STATISTICS),
    cache: await textOf(path, Request.STATISTICS_CACHE),
    network: await textOf(path, Request.STATISTICS_NETWORK),
    runtime: await textOf(path, Request.STATISTICS_RUNTIME),
    link: await textOf(path, Request.STATISTICS_LINK),
    queue: await textOf(path, Request.STATISTICS_QUEUE),
    expectations: await textOf(path, Request.STATISTICS_EXPECT),
  });
}

/**
 * Asks the daemon whose control socket is `path`, C's or ours, for all of its statistics but the resend queue.
 * @throws UnreachableError, SilentError, RangeError as `askDaemon`
 */
export async function askFigures(path: string): Promise<NodeFigures> {
  const general = await jsonOf<General>(path, Request.STATISTICS);
  if (general === undefined) return askTextFigures(path);
  const { internal, external, ...rest } = general;
  const flows = internal && external && { flows: { internal, external } };
  const expected = await jsonOf<Partial<SidesFigures>>(path, Request.STATISTICS_EXPECT);
  const expectations = expected?.internal &&
    expected.external && { expectations: { internal: expected.internal, external: expected.external } };
  return {
    ...rest,
    ...flows,
    ...expectations,
    ...(await jsonOf<Pick<SyncSnapshot, 'runtime'>>(path, Request.STATISTICS_RUNTIME)),
    ...(await jsonOf<Pick<SyncSnapshot, 'queues'>>(path, Request.STATISTICS_QUEUE)),
  };
}
