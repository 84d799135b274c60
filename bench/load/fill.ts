import { makeEvents } from '../../sim/load/make-events.ts';
import type { Firewall } from '../../sim/netns/lab.ts';
import { tcpLoad } from '../../sim/netns/lab.ts';

/** Lines per call of `conntrack -R`: even on a busy machine a call must finish within the limit for a command. */
const LINES = 50_000;

/** Fills a kernel's table with the flows from `first` to below `first + count`, faster than `conntrack` can. */
export async function fill(firewall: Firewall, count: number, first = 0): Promise<void> {
  await makeEvents(firewall.namespace, { change: 'new', first, count });
}

/** The same with `conntrack -R`: a burst made by somebody else's program, one request and one answer per flow. */
export async function burst(firewall: Firewall, count: number): Promise<void> {
  for (let first = 0; first < count; first += LINES) {
    await firewall.load(tcpLoad(Math.min(LINES, count - first), { first }));
  }
}
