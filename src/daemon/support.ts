import type { Config } from '../config/config.ts';

/** Why the daemon cannot do what the configuration asks for as a whole; undefined if it can. */
export function refusal(config: Config): string | undefined {
  if (config.helper) {
    return 'the Helper clause needs user-space helpers (nfnetlink_cthelper and nfnetlink_queue), which this program does not have: remove it';
  }
  if (config.mode === 'stats') return 'the Stats clause is not supported yet: use Sync';
  if (config.sync.mode !== 'ftfw')
    return `Mode ${config.sync.mode.toUpperCase()} is not supported yet: use FTFW`;
  if (config.sync.disableExternalCache) return "`DisableExternalCache On' is not supported yet: remove it";
  if (config.sync.links.some(({ transport }) => transport === 'tcp')) {
    return 'links over TCP are not supported yet: use UDP or Multicast';
  }
  if (config.general.pollSeconds !== undefined) return "`PollSecs' is not supported yet: remove it";
  return undefined;
}

/** The clauses that are accepted and change nothing yet. */
export function notYetEffective({ general }: Config): string[] {
  const clauses: string[] = [];
  if (general.filter?.from === 'kernelspace')
    clauses.push('Filter From Kernelspace (filtered in user space instead)');
  return clauses;
}
