import type { Config } from '../../config/config.ts';
import type { Settings } from '../../settings/settings.ts';

/** Why these settings do not go with the configuration; undefined if they do. */
export function unsupportedSettings(config: Config, settings: Settings): string | undefined {
  return unsupportedStandby(config, settings) ?? unsupportedActiveNodes(config, settings);
}

function unsupportedActiveNodes(config: Config, { replication, standby }: Settings): string | undefined {
  if (replication.activeNodes === 'one') return undefined;
  const what = '`active_nodes = "several"` in [replication] of the settings file';
  if (config.mode !== 'sync' || config.sync.mode !== 'ftfw' || !config.sync.disableExternalCache)
    return `${what} needs Mode FTFW with DisableExternalCache on`;
  if (config.general.pollSeconds !== undefined) return `${what} needs the kernel's events: remove PollSecs`;
  return standby.keep ? `${what} and \`keep = true\` in [standby] exclude each other` : undefined;
}

/** Why these settings of a hot standby do not go with the configuration; undefined if they do. */
function unsupportedStandby(config: Config, { standby }: Settings): string | undefined {
  if (!standby.keep) return undefined;
  if (config.mode !== 'sync' || !config.sync.disableExternalCache) {
    return '`keep = true` in [standby] of the settings file is for a hot standby: set DisableExternalCache on';
  }
  if (config.sync.mode === 'alarm') {
    return '`keep = true` in [standby] of the settings file needs a mode with resync: FTFW or NOTRACK';
  }
  return undefined;
}
