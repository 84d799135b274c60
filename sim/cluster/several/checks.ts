import type { Host } from '../host.ts';
import type { OurDaemon } from '../our-daemon.ts';
import { Violation } from '../violation.ts';
import { ASSURED } from './packets.ts';
import type { Break, Connection, RoutedTraffic } from './routed-traffic.ts';

/** A state that is so young, in ms, when its node dies may be lost with it: it was not sent yet, or not read. */
const YOUNG_MS = 500;
/** Differences that are printed. */
const SHOWN_MAX = 5;

/**
 * Every flow that traffic keeps alive is in every kernel, in the same state, with the same mark.
 * @throws Violation
 */
export function checkShared(hosts: readonly Host[], traffic: RoutedTraffic): void {
  const wrong: string[] = [];
  for (const connection of traffic.established()) {
    const flows = hosts.map(({ kernel }) => kernel.lookup(connection.tuple));
    const texts = flows.map((flow) =>
      flow === undefined
        ? 'none'
        : `state ${flow.tcp?.state ?? '-'} status ${(flow.status ?? 0) & ASSURED} mark ${flow.mark ?? 0}`,
    );
    if (new Set(texts).size > 1 || texts[0] === 'none')
      wrong.push(`${describe(connection)}: ${texts.map((text, node) => `node ${node} ${text}`).join(', ')}`);
  }
  report('a live flow is not the same in all kernels', wrong);
}

/**
 * What ended is gone from every kernel.
 * @throws Violation
 */
export function checkGone(hosts: readonly Host[]): void {
  const wrong = hosts.filter(({ kernel }) => kernel.size > 0);
  report(
    'flows that ended are still there',
    wrong.map(({ number, kernel }) => `node ${number} has ${kernel.size}`),
  );
}

/**
 * No connection was cut off whose state its node had the time to send.
 * @param deaths when a node died, in ms
 * @throws Violation
 */
export function checkUnbroken(breaks: readonly Break[], deaths: readonly number[]): void {
  const wrong = breaks.filter(
    ({ connection }) =>
      !deaths.some((death) => death >= connection.changedAt && death - connection.changedAt < YOUNG_MS),
  );
  report(
    'connections were cut off',
    wrong.map(({ connection, at }) => `${describe(connection)} at ${at.toFixed(0)} ms`),
  );
}

/**
 * No more records were sent than changes, renewals and conflicts have caused: none that a node had from a peer.
 * @throws Violation
 */
export function checkNoEchoes(hosts: readonly Host[], changes: number, records: number): void {
  let causes = changes;
  for (const { daemon } of hosts) {
    const { renewed, conflicts } = (daemon as OurDaemon).node.shared!.counters;
    causes += renewed + conflicts;
  }
  if (records > causes)
    throw new Violation('records were sent without a cause', `${records} records, and ${causes} causes`);
}

function describe({ key, forward, reverse }: Connection): string {
  return `${key} through ${forward} and ${reverse}`;
}

function report(rule: string, wrong: readonly string[]): void {
  if (wrong.length === 0) return;
  throw new Violation(rule, `${wrong.length}: ${wrong.slice(0, SHOWN_MAX).join('; ')}`);
}
