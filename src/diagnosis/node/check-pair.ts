/** This node against the other one: their configurations, and what each has of the other's flows. */

import type { LinkConfig, SyncModeConfig } from '../../config/config.ts';
import { type Facts, SETTING_NAMES } from '../../facts/facts.ts';
import { configOf } from '../configured.ts';
import { flowsIn } from '../daemon.ts';
import { type Finding, ok, problem, unseen, warning } from '../finding.ts';
import { hasDrifted } from './check-peer.ts';

/** Kernel settings that are to be equal on both nodes. */
const EQUAL_SETTINGS = SETTING_NAMES.filter((name) =>
  /conntrack_(max|tcp_loose|tcp_be_liberal)$|timeout/.test(name),
);

const CHECK = 'pair';

function linkText(link: LinkConfig): string {
  const own = link.transport === 'multicast' ? link.group : link.address;
  const to = link.transport === 'multicast' ? link.group : link.destination;
  return `${link.transport} ${own} to ${to} port ${link.port}`;
}

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** True if the two ends belong together. */
function meet(link: LinkConfig, other: LinkConfig): boolean {
  if (link.transport !== other.transport || link.port !== other.port) return false;
  if (link.transport === 'multicast' || other.transport === 'multicast')
    return link.transport === 'multicast' && other.transport === 'multicast' && link.group === other.group;
  const isAt = (address: string, destination: string) => ANY.has(address) || address === destination;
  return isAt(link.address, other.destination) && isAt(other.address, link.destination);
}

/** A filter's words; its bytes are numbers in the JSON of the other node. */
const filterText = ({ general }: SyncModeConfig): string =>
  JSON.stringify(general.filter ?? null, (_, value) => (value instanceof Uint8Array ? [...value] : value));

function checkConfigurations(own: SyncModeConfig, other: SyncModeConfig): Finding[] {
  const findings: Finding[] = [];
  const correct = 'make both configurations equal, and restart the daemon';
  if (own.sync.mode !== other.sync.mode) {
    const found = `Mode ${own.sync.mode} here, ${other.sync.mode} there: they do not understand each other`;
    findings.push(problem(CHECK, found, correct));
  }
  for (const link of own.sync.links) {
    if (other.sync.links.some((one) => meet(link, one))) continue;
    const there = other.sync.links.map(linkText).join('; ');
    const found = `the link ${linkText(link)} has no other end there: ${there}`;
    findings.push(problem(CHECK, found, 'correct addresses, port or group, and restart the daemon'));
  }
  const equal: readonly (readonly [string, (config: SyncModeConfig) => unknown])[] = [
    ['HashLimit', ({ general }) => general.hashLimit],
    ['TCPWindowTracking', ({ sync }) => sync.options.tcpWindowTracking],
    ['ExpectationSync', ({ sync }) => JSON.stringify(sync.options.expectationSync)],
    ['DisableExternalCache', ({ sync }) => sync.disableExternalCache],
    ['Filter', filterText],
  ];
  for (const [name, read] of equal) {
    const [here, there] = [read(own), read(other)];
    if (here === there) continue;
    const values = name === 'Filter' ? 'is another one there' : `is ${here} here, ${there} there`;
    findings.push(warning(CHECK, `${name} ${values}`, correct));
  }
  return findings;
}

function checkKernels(own: Facts, other: Facts): Finding[] {
  return EQUAL_SETTINGS.flatMap((name) => {
    const [here, there] = [own.settings[name], other.settings[name]];
    // JSON has no undefined.
    if (here === undefined || there === undefined || there === null || here === there) return [];
    const advice = 'set both alike: after a failover the other one holds';
    return [warning(CHECK, `${name} is ${here} here, ${there} there`, advice, `sysctl -w ${name}=${there}`)];
  });
}

interface CacheSizes {
  readonly internal: number | undefined;
  readonly external: number | undefined;
}

function checkCaches(own: Facts, other: Facts): Finding[] {
  const [here, there] = [own.daemon, other.daemon].map((daemon) => ({
    internal: flowsIn(daemon, 'internal'),
    external: flowsIn(daemon, 'external'),
  })) as [CacheSizes, CacheSizes];
  const { path } = own.configuration;
  const differ = (one: number | undefined, two: number | undefined): boolean => {
    if (one === undefined || two === undefined) return false;
    // A cache that is empty beside one that is not is worth a word, however small that is.
    return hasDrifted(one, two) || (Math.min(one, two) === 0) !== (Math.max(one, two) === 0);
  };
  const findings: Finding[] = [];
  if (differ(here.internal, there.external)) {
    const found = `our internal cache has ${here.internal} flows, their external cache ${there.external}: a failover to them loses some`;
    findings.push(problem(CHECK, found, 'send all again', `conntrackd-ts -C ${path} -B`));
  }
  if (differ(here.external, there.internal)) {
    const found = `their internal cache has ${there.internal} flows, our external cache ${here.external}: a failover to us loses some`;
    findings.push(problem(CHECK, found, 'ask for all again', `conntrackd-ts -C ${path} -n`));
  }
  return findings;
}

/** Compares this node with the facts of the other one, which were gathered at about the same time. */
export function checkPair(own: Facts, other: Facts): Finding[] {
  const [here, there] = [configOf(own), configOf(other)];
  if (here?.mode !== 'sync' || there?.mode !== 'sync')
    return [unseen(CHECK, 'one of the two has no configuration that synchronises')];
  const findings = [
    ...checkConfigurations(here, there),
    ...checkKernels(own, other),
    ...checkCaches(own, other),
  ];
  return findings.length > 0
    ? findings
    : [ok(CHECK, 'both nodes are configured alike, and have the same flows')];
}
