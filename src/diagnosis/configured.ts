/** What several checks read out of the facts. */

import type { Config, LinkConfig } from '../config/config.ts';
import type { Facts } from '../facts/facts.ts';

export function configOf({ configuration }: Facts): Config | undefined {
  return 'parsed' in configuration ? configuration.parsed.config : undefined;
}

export function linksOf(config: Config | undefined): readonly LinkConfig[] {
  return config?.mode === 'sync' ? config.sync.links : [];
}
