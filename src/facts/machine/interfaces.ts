/** The network interfaces that the configuration names. */

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Config } from '../../config/config.ts';
import { IFF_RUNNING, IFF_UP, ifNameToIndex, interfaceFlags } from '../../system/interfaces.ts';
import type { InterfaceFact, SettingsFact } from '../facts.ts';
import { attempt, numberAt } from './look.ts';

const IFF_MULTICAST = 0x1000;

export function interfacesOf(
  config: Config | undefined,
  settingsFile: SettingsFact,
  native: boolean,
): Record<string, InterfaceFact | undefined> {
  if (config?.mode !== 'sync') return {};
  const links = config.sync.links.map(({ interface: name }) => name);
  const guarded = settingsFile.state === 'usable' ? (settingsFile.ours.failover.guard?.interfaces ?? []) : [];
  const names = [...links, ...guarded];
  return Object.fromEntries(names.map((name) => [name, interfaceNamed(name, native)]));
}

function interfaceNamed(name: string, native: boolean): InterfaceFact | undefined {
  const place = `/sys/class/net/${name}`;
  const flags = attempt(() =>
    native ? interfaceFlags(name) : Number(readFileSync(`${place}/flags`, 'utf8').trim()),
  );
  if (flags === undefined) return undefined;
  // A /sys that was mounted in another network namespace shows that one's interfaces.
  const isOurs = !native || numberAt(`${place}/ifindex`) === attempt(() => ifNameToIndex(name));
  const running = native ? (flags & IFF_RUNNING) !== 0 : numberAt(`${place}/carrier`) === 1;
  return {
    up: (flags & IFF_UP) !== 0,
    running,
    multicast: (flags & IFF_MULTICAST) !== 0,
    mtu: isOurs ? numberAt(`${place}/mtu`) : undefined,
    addresses: (networkInterfaces()[name] ?? []).map(({ address }) => address),
  };
}
