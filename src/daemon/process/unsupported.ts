import type { Config } from '../../config/config.ts';

/** Why the daemon cannot run with this configuration; undefined if it can. */
export function unsupportedReason({ helper }: Config): string | undefined {
  if (!helper) return undefined;
  return 'the Helper clause needs user-space helpers (kernel: nfnetlink_cthelper and nfnetlink_queue), which this program does not have: remove it';
}
