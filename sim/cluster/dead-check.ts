import type { Host } from './host.ts';
import type { Network } from './network.ts';
import type { TableRecords } from './records.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Milliseconds after an operator's or a script's request in which a node's caches are not what its messages told. */
const AFTER_REQUEST_MS = 3000;

/** What of a cluster tells whether a record is alive. */
export interface Liveness {
  readonly hosts: readonly Host[];
  readonly network: Network;
  readonly world: World;
  readonly shared: ReadonlySet<string>;
  readonly resyncReasons: ReadonlySet<string>;
}

/**
 * A node takes no live record for dead: what it drops because a peer did not speak of it is in no other node's internal cache. A
 * record counts that was there before the last datagram left which the dropping node has of that node: what began later may be on
 * its way.
 *
 * Nothing is concluded where a key may have been damaged on the wire, nor soon after a request that empties or fills caches
 * without a message (`-f`, `-R`, `-c`).
 *
 * @throws Violation
 */
export function checkDead(cluster: Liveness, node: number, dropped: TableRecords): void {
  const { hosts, network, world } = cluster;
  const host = hosts[node]!;
  if (host.areNumbersDoubtful) return;
  // Whose a record is cannot be told there: of several nodes one comes back on another link, or two firewalls have the same flow.
  const isShared = ['a firewall took over', 'commit (-c)'].some((reason) =>
    cluster.resyncReasons.has(reason),
  );
  if (hosts.length > 2 && (network.wires > 1 || isShared)) return;
  for (const { number, daemon, requestedAt } of hosts) {
    if (number === node || daemon === undefined || world.now - requestedAt < AFTER_REQUEST_MS) continue;
    const heardUntil = host.heardUntil.get(number);
    if (heardUntil === undefined) continue;
    const alive = daemon.internalBefore(Math.floor(heardUntil / 1000));
    for (const part of ['flows', 'expectations'] as const) {
      for (const key of dropped[part].keys()) {
        if (!alive[part].has(key) || cluster.shared.has(key)) continue;
        throw new Violation(
          'a live record is taken for dead',
          `node ${node} drops ${key}, which node ${number} has`,
        );
      }
    }
  }
}
