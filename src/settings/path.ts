/**
 * Where the settings that the C program does not know lie: beside the configuration file, under its name.
 * `/etc/conntrackd/conntrackd.conf` has `/etc/conntrackd/conntrackd-ts.toml`, `fw1.conf` has `fw1-ts.toml`.
 */
export function settingsPath(configurationPath: string): string {
  return `${configurationPath.replace(/\.conf$/, '')}-ts.toml`;
}
