import { jsonForm, Request } from '../control/codes.ts';
import type { SubCommand, Task } from './arguments.ts';
import { readConfiguration, warningTexts } from './configuration.ts';
import { runRequest } from './request.ts';
import { say } from './say.ts';
import { endWithStandardOutput } from './standard-output.ts';

/** The requests for a commit whose client wants to know what it came to. */
const COMMIT_RESULTS: ReadonlySet<number> = new Set(
  [Request.COMMIT_CT, Request.COMMIT_EXPECT, Request.COMMIT_ALL].map((request) => jsonForm(request)!),
);

export type RunSubCommand = (args: readonly string[], streams: NodeJS.Process) => Promise<0 | 1 | 2 | 3>;

/** Loads what a sub-command needs when it is asked for. */
const LOADERS: Readonly<Record<SubCommand, () => Promise<RunSubCommand>>> = {
  decode: async () => (await import('./capture/decode.ts')).runDecode,
  delete: async () => (await import('./flows/delete.ts')).runDelete,
  doctor: async () => (await import('./doctor/doctor.ts')).runDoctor,
  events: async () => (await import('./flows/events.ts')).runEvents,
  genkey: async () => (await import('./genkey.ts')).runGenkey,
  init: async () => (await import('./init/init.ts')).runInit,
  list: async () => (await import('./flows/list.ts')).runList,
  metrics: async () => (await import('./metrics.ts')).runMetrics,
  role: async () => (await import('./role.ts')).runRole,
  stats: async () => (await import('./flows/stats.ts')).runStats,
  status: async () => (await import('./status/status.ts')).runStatus,
  top: async () => (await import('./flows/top/top.ts')).runTop,
};

/** What carries out a sub-command. */
export function loadSubCommand(name: SubCommand): Promise<RunSubCommand> {
  return LOADERS[name]();
}

/**
 * Does what a command line asks for. Resolves to the exit code.
 * @param args the program's arguments
 */
export async function run(action: Task, args: readonly string[]): Promise<0 | 1 | 2 | 3> {
  if (action.kind !== 'run') endWithStandardOutput();
  if ('rest' in action) {
    const runSubCommand = await loadSubCommand(action.kind);
    return runSubCommand(action.rest, process);
  }
  if (action.kind === 'run') {
    // Loaded here only: a client needs nothing native, and no settings.
    const { runDaemonCommand } = await import('./daemon.ts');
    return runDaemonCommand(args, action.daemon, action.configuration);
  }
  const parsed = readConfiguration(action.configuration);
  if (!parsed) return 1;
  for (const text of warningTexts(parsed, 'read')) say('warning', text);
  const { path } = parsed.config.general.unix;
  if (action.kind === 'in-sync') {
    const { runInSync } = await import('./in-sync.ts');
    return runInSync(path ?? '', process);
  }
  if (COMMIT_RESULTS.has(action.request)) {
    const { runCommit } = await import('./commit.ts');
    return runCommit(path ?? '', action.request, process);
  }
  return runRequest(path ?? '', action.request, process.stdout, process.stderr);
}
