import type { Cluster } from './cluster.ts';
import type { Daemon } from './daemon.ts';
import type { Host } from './host.ts';
import { type Records, recordsOfKernel, type TableRecords } from './records.ts';
import { Violation } from './violation.ts';

/** Differences that are printed individually. */
const MAX_REPORTED = 3;

/**
 * Every node's external cache has exactly what the others' kernels have, but for what a full cache had no room for.
 * @throws Violation
 */
export function checkConverged(cluster: Cluster): void {
  const kernels = cluster.hosts.map(({ kernel }) => recordsOfKernel(kernel));
  // The end of a flow in one kernel removed it from caches although another kernel still has it: they lack it until an event renews it.
  const lasting = [...cluster.shared].filter((key) => kernels.some(({ flows }) => flows.has(key)));
  const shared = new Set([...keysInSeveral(kernels.map(({ flows }) => flows)), ...lasting]);
  compareAll(cluster, kernels, 'kernel');
  cluster.shared = shared;
}

/**
 * Every node's external cache has exactly what the others' internal caches have, but for what a full cache had no room for; a C
 * node's may also have what is dead.
 * @throws Violation
 */
export function checkHealed(cluster: Cluster): void {
  const internal = cluster.hosts.map(({ daemon }) => daemon!.internal());
  compareAll(cluster, internal, 'internal cache');
}

/**
 * In FT-FW each of ours says that it misses nothing.
 * @throws Violation
 */
export function checkNothingMissed(cluster: Cluster): void {
  for (const { number, daemon, options } of cluster.hosts) {
    if (options.mode === 'ftfw' && daemon!.missing !== undefined)
      throw new Violation('a node still waits', `node ${number} says that it misses ${daemon!.missing}`);
  }
}

/**
 * Each node of a pair that is at rest found once that its peer has what it has of it, and never that it has not.
 * @param before the comparisons of each node until then
 * @throws Violation
 */
export function checkCompared(cluster: Cluster, before: readonly Daemon['comparisons'][]): void {
  for (const { number, daemon } of cluster.hosts) {
    const equal = daemon!.comparisons.equal - before[number]!.equal;
    const different = daemon!.comparisons.different - before[number]!.different;
    if (different > 0 || equal === 0)
      throw new Violation(
        'digests do not agree',
        `of node ${number}: ${equal} equal, ${different} different`,
      );
  }
}

function compareAll(cluster: Cluster, tables: readonly TableRecords[], where: string): void {
  for (const host of cluster.hosts) {
    const external = host.daemon!.external();
    const others = tables.filter((_, node) => node !== host.number);
    for (const key of cluster.shared) forgetFlow(key, [external, ...others]);
    const may = { lack: cluster.mayLack(host), keepDead: cluster.mayKeepDead(host) };
    compare(`flows that node ${host.number} knows of`, external, others, where, 'flows', may);
    if (host.options.expectationSync) {
      const name = `expectations that node ${host.number} knows of`;
      compare(name, external, others, where, 'expectations', may);
    }
  }
}

function forgetFlow(key: string, tables: readonly TableRecords[]): void {
  for (const { flows } of tables) flows.delete(key);
}

function keysInSeveral(tables: readonly Records[]): Set<string> {
  const seen = new Set<string>();
  const again = new Set<string>();
  for (const table of tables) {
    for (const key of table.keys()) (seen.has(key) ? again : seen).add(key);
  }
  return again;
}

/**
 * No node waits for an acknowledgement any more, or for an answer to its HELLO.
 * @throws Violation
 */
export function checkAcknowledged(cluster: Cluster): void {
  // A C node acknowledges messages that it has not received, and keeps messages that no peer will ask for.
  if (cluster.options.nodes.some(({ program }) => program === 'c')) return;
  for (const host of cluster.hosts) {
    if (host.saysHello) throw new Violation('a node goes on saying HELLO', `node ${host.number}`);
    checkRecordsAcknowledged(host);
  }
}

/**
 * The node waits for no acknowledgement of a record.
 * @throws Violation
 */
export function checkRecordsAcknowledged({ number, daemon }: Host): void {
  const { unacknowledged } = daemon!;
  if (unacknowledged !== 0)
    throw new Violation('records are not acknowledged', `${unacknowledged} records of node ${number}`);
}

function compare(
  name: string,
  external: TableRecords,
  tables: readonly TableRecords[],
  where: string,
  part: keyof TableRecords,
  may: { readonly lack: boolean; readonly keepDead: boolean },
): void {
  const wrong: string[] = [];
  let differences = 0;
  const differs = (text: string) => {
    if (++differences <= MAX_REPORTED) wrong.push(text);
  };
  const found = external[part];
  for (const [key, record] of found) {
    const real = tables.filter((table) => table[part].has(key));
    if (real.length === 0) {
      if (!may.keepDead) differs(`no ${where} has ${key}`);
    } else if (!real.some((table) => table[part].get(key) === record))
      differs(`of ${key} it has ${record}, and a ${where} ${real[0]![part].get(key)}`);
  }
  if (!may.lack) {
    for (const key of keysOf(tables.map((table) => table[part]))) {
      if (!found.has(key)) differs(`it lacks ${key}`);
    }
  }
  if (differences > 0)
    throw new Violation('tables do not agree', `${name}: ${differences} wrong: ${wrong.join('; ')}`);
}

function keysOf(tables: readonly Records[]): Set<string> {
  return new Set(tables.flatMap((table) => [...table.keys()]));
}
