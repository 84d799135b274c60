import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import type { NetworkAddress } from './network.ts';

/** What of this machine a configuration depends on. */
export interface Machine {
  readonly name: string;
  /** Those that are up and have an address, the loopback left out. */
  readonly interfaces: readonly MachineInterface[];
  /** Most flows of the kernel's table (nf_conntrack_max); undefined where connection tracking is not loaded. */
  readonly tableLimit: number | undefined;
}

export interface MachineInterface {
  readonly name: string;
  /** Without those of a link alone (fe80::). */
  readonly addresses: readonly NetworkAddress[];
}

export function lookAtMachine(): Machine {
  const interfaces = Object.entries(networkInterfaces()).map(([name, found = []]) => ({
    name,
    addresses: found
      .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
      .map(({ address, cidr, family }) => ({
        address,
        prefixLength: Number(cidr?.split('/')[1] ?? (family === 'IPv4' ? 32 : 128)),
      })),
  }));
  return {
    name: hostname(),
    interfaces: interfaces.filter(({ addresses }) => addresses.length > 0),
    tableLimit: readTableLimit(),
  };
}

function readTableLimit(): number | undefined {
  try {
    return Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_max', 'utf8'));
  } catch {
    return undefined;
  }
}
