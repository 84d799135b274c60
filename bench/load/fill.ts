import type { Firewall } from '../../sim/netns/lab.ts';
import { tcpLoad } from '../../sim/netns/lab.ts';
import { makeEvents } from './make-events.ts';

/** Lines that `conntrack -R` gets at a time: on a busy machine it must not take longer than a command may. */
const LINES = 50_000;

/** Fills a kernel's table with the flows `first` to below `first + count`, faster than `conntrack` could. */
export async function fill(firewall: Firewall, count: number, first = 0): Promise<void> {
  await makeEvents(firewall.namespace, { change: 'new', first, count });
}

/** The same by `conntrack -R`: a burst as a program of others makes it, each flow a request and an answer. */
export async function burst(firewall: Firewall, count: number): Promise<void> {
  for (let first = 0; first < count; first += LINES) {
    await firewall.load(tcpLoad(Math.min(LINES, count - first), { first }));
  }
}
