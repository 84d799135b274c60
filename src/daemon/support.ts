import type { Config } from '../config/config.ts';

/** Why the daemon cannot do what the configuration asks for as a whole; undefined if it can. */
export function refusal(config: Config): string | undefined {
  if (config.helper) {
    return 'the Helper clause needs user-space helpers (kernel: nfnetlink_cthelper and nfnetlink_queue), which this program does not have: remove it';
  }
  if (config.mode === 'stats') return 'the Stats clause is not supported yet: use Sync';
  return undefined;
}

/** The clauses that are accepted and change nothing yet. */
export function notYetEffective({ general }: Config): string[] {
  const clauses: string[] = [];
  if (general.filter?.from === 'kernelspace') {
    clauses.push('Filter From Kernelspace (filtered in user space instead)');
  }
  return clauses;
}
