import { readFileSync } from 'node:fs';

/** The timeout in seconds that this network namespace has under `nf_conntrack_NAME`; undefined where it cannot be read. */
export function readTimeoutSetting(name: string): number | undefined {
  try {
    const seconds = Number(readFileSync(`/proc/sys/net/netfilter/nf_conntrack_${name}`, 'latin1'));
    return Number.isInteger(seconds) && seconds >= 0 ? seconds : undefined;
  } catch {
    return undefined;
  }
}
