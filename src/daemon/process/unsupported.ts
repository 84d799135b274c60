import type { Config } from '../../config/config.ts';
import type { Settings } from '../../settings/settings.ts';

/** Why these settings of a hot standby do not go with the configuration; undefined if they do. */
export function unsupportedStandby(config: Config, { standby }: Settings): string | undefined {
  if (!standby.keep) return undefined;
  if (config.mode !== 'sync' || !config.sync.disableExternalCache) {
    return '`keep = true` in [standby] of the settings file is for a hot standby: set DisableExternalCache on';
  }
  if (config.sync.mode === 'alarm') {
    return '`keep = true` in [standby] of the settings file needs a mode with resync: FTFW or NOTRACK';
  }
  return undefined;
}
