import type { Task } from './arguments.ts';
import { readConfiguration, say, warningTexts } from './configuration.ts';
import { runRequest } from './request.ts';

/**
 * Does what a command line asks for. Resolves to the exit code.
 * @param args the program's arguments
 */
export async function run(action: Task, args: readonly string[]): Promise<0 | 1> {
  if (action.kind === 'decode') {
    const { runDecode } = await import('./capture/decode.ts');
    return runDecode(action.rest, process);
  }
  if (action.kind === 'role') {
    const { runRole } = await import('./role.ts');
    return runRole(action.rest, process);
  }
  if (action.kind === 'doctor') {
    const { runDoctor } = await import('./doctor/doctor.ts');
    return runDoctor(action.rest, process);
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
  return runRequest(path ?? '', action.request, process.stdout, process.stderr);
}
