/** What `status` shows: what is well in a line each, and below it what is not. No machine is looked at here. */

import type { ReplicationStatistics } from '../../control/replication.ts';
import { percent, timeText } from '../../diagnosis/amounts.ts';
import { configOf } from '../../diagnosis/configured.ts';
import { flowsIn } from '../../diagnosis/daemon.ts';
import { countOf, type Finding, worstFirst } from '../../diagnosis/finding.ts';
import { secondsUntilFull } from '../../diagnosis/kernel/check-fill.ts';
import { portUse } from '../../diagnosis/kernel/check-nat-ports.ts';
import { peerSilence } from '../../diagnosis/node/check-peer.ts';
import { fillOf, grewBy, tableOf } from '../../diagnosis/table.ts';
import type { DaemonFact } from '../../facts/daemon/daemon-fact.ts';
import type { Facts } from '../../facts/facts.ts';

/** The exit codes of monitoring plugins. */
export const StatusCode = { OK: 0, WARNING: 1, PROBLEM: 2, UNKNOWN: 3 } as const;
export type StatusCode = (typeof StatusCode)[keyof typeof StatusCode];

/** What the facts and the findings come to. */
export function statusCode(facts: Facts, findings: readonly Finding[]): StatusCode {
  if (countOf(findings, 'problem') > 0) return StatusCode.PROBLEM;
  if (tableOf(facts) === undefined) return StatusCode.UNKNOWN;
  return countOf(findings, 'warning') > 0 ? StatusCode.WARNING : StatusCode.OK;
}

const WORDS = ['OK', 'WARNING', 'PROBLEM', 'UNKNOWN'] as const;

export interface ScreenSize {
  readonly columns: number;
  readonly lines: number;
}

const BAR = 10;

function bar(part: number): string {
  const full = Math.min(BAR, Math.round(BAR * part));
  return `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}]`;
}

function headline(facts: Facts, findings: readonly Finding[]): string {
  const word = WORDS[statusCode(facts, findings)];
  const [problems, warnings] = [countOf(findings, 'problem'), countOf(findings, 'warning')];
  const time = new Date(facts.clock.now).toISOString().slice(0, 19).replace('T', ' ');
  const counts = `${problems} problem${problems === 1 ? '' : 's'}, ${warnings} warning${warnings === 1 ? '' : 's'}`;
  return `${word}: ${counts}  ${time} UTC`;
}

function roleLine({ daemon, socket, clock }: Facts): string {
  const role = daemon?.role;
  if (daemon === undefined)
    return socket === 'listening' ? 'the daemon does not answer' : 'no daemon answers';
  const seconds = daemon.runtime?.uptime;
  const uptime = seconds === undefined ? '' : `, up ${timeText(seconds)}`;
  if (role === undefined) return `unknown: nobody has given it one${uptime}`;
  const since = role.since === undefined ? '' : ` for ${timeText((clock.now - role.since) / 1000)}`;
  const source = role.source === undefined ? '' : ` (${role.source})`;
  const takeover =
    role.lastTakeoverMs === undefined ? '' : `, takeover took ${(role.lastTakeoverMs / 1000).toFixed(3)} s`;
  const failed = role.lastCommit?.failed ? `, ${role.lastCommit.failed} flows not committed` : '';
  return `${role.role}${since}${source}${takeover}${failed}${uptime}`;
}

function tableLine(facts: Facts): string {
  const fill = fillOf(facts);
  if (fill === undefined) return 'the kernel tracks nothing';
  const { count, max, part } = fill;
  const { sample } = facts;
  const rate =
    sample === undefined || sample.seconds === 0
      ? 0
      : Math.round((sample.entries - sample.entriesBefore) / sample.seconds);
  const until = secondsUntilFull(facts, fill);
  const full = until === undefined ? '' : `, full in ${timeText(until)}`;
  const table = tableOf(facts);
  const evictable = table && table.flows > 0 ? `, ${percent(table.evictable, table.flows)} evictable` : '';
  const share = max === 0 ? '' : `${bar(part)} ${percent(count, max)}, `;
  return `${share}${count}${max === 0 ? '' : ` of ${max}`}, ${rate < 0 ? '' : '+'}${rate}/s${full}${evictable}`;
}

const COUNTERS = ['drop', 'early_drop', 'insert_failed', 'invalid'] as const;

function countersLine(facts: Facts): string {
  if (facts.sample === undefined) return 'cannot be read';
  const counts = COUNTERS.map((name) => `${name} ${grewBy(facts, name)}`).join(', ');
  return `${counts} in ${timeText(facts.sample.seconds)}`;
}

function topLine(facts: Facts): string {
  const table = tableOf(facts);
  const source = table?.sources[0];
  if (table === undefined || source === undefined) return 'no flow';
  const kinds = table.kinds.slice(0, 2).map(([name, count]) => `${name} ${count}`);
  return `${source[0]} ${source[1]} (${percent(source[1], table.flows)}); ${kinds.join(', ')}`;
}

/** Part of the ports from which their use is shown. */
const NAT_PART = 1 / 2;

function natLine(facts: Facts): string | undefined {
  return portUse(facts).find(({ part }) => part >= NAT_PART)?.text;
}

/** A peer acknowledges many messages together, so this is no delay of the link. */
function ackLines(replication: ReplicationStatistics | undefined): (readonly [string, string])[] {
  const recent = replication?.ackDelay?.lastMinute;
  if (recent === undefined) return [];
  const [p50, p99] = [recent.p50Ms, recent.p99Ms].map((ms) => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0)));
  return [['acks', `50 % after ${p50} ms, 99 % after ${p99} ms, in the last minute`]];
}

/** What the peer's last digest showed. */
function digestLines(replication: ReplicationStatistics | undefined): (readonly [string, string])[] {
  const last = replication?.comparisons?.last;
  if (last === undefined) return [];
  const seconds = Math.round(last.agoMs / 1000);
  const what = last.equal
    ? `the same ${last.here} flows`
    : `${last.here} flows of ${last.there}, not the same`;
  return [['compared', `${what}, ${seconds} s ago`]];
}

/** What nodes that forward at once have made of each other's records. */
function sharedFlowsLines({ sharedFlows }: DaemonFact): (readonly [string, string])[] {
  if (sharedFlows === undefined) return [];
  const { adopted, conflicts, renewed, restored } = sharedFlows;
  return [
    ['shared', `${adopted} from others, ${conflicts} conflicts, ${renewed} renewed, ${restored} restored`],
  ];
}

function peerLines(facts: Facts): (readonly [string, string])[] {
  const { daemon } = facts;
  const config = configOf(facts);
  if (daemon === undefined || config?.mode !== 'sync') return [];
  const silence = peerSilence(facts);
  const heard =
    silence === undefined ? 'not known when last heard' : `last heard ${silence.toFixed(1)} s ago`;
  const queues = (daemon.queues?.queues ?? [])
    .filter(({ name }) => name === 'rsqueue' || name === 'errorq')
    .map(({ name, elements, noSpace }) => `${name} ${elements}${noSpace > 0 ? ` (${noSpace} refused)` : ''}`);
  const lost = daemon.network?.lost === undefined ? [] : [`lost ${daemon.network.lost}`];
  const links = (daemon.links ?? []).map(
    ({ device, status, active }) => `${device} ${status}${active ? '*' : ''}`,
  );
  const kernel = facts.settings['net.netfilter.nf_conntrack_count'];
  const [internal, external] = (['internal', 'external'] as const).map(
    (name) => flowsIn(daemon, name) ?? '-',
  );
  return [
    ['peer', [heard, ...lost, ...queues].join(', ')],
    ...ackLines(daemon.replication),
    ...digestLines(daemon.replication),
    ...sharedFlowsLines(daemon),
    ['links', `${links.join(', ')}  (* in use)`],
    ['caches', `kernel ${kernel ?? '-'}, internal ${internal}, external ${external}`],
  ];
}

/** `[label, text]` in the order of the screen. */
export function statusRows(facts: Facts): (readonly [label: string, text: string])[] {
  const nat = natLine(facts);
  return [
    ['role', roleLine(facts)],
    ['table', tableLine(facts)],
    ['counters', countersLine(facts)],
    ['top', topLine(facts)],
    ...(nat === undefined ? [] : [['NAT', nat] as const]),
    ...peerLines(facts),
  ];
}

/** Breaks a text between words; no line is longer than `columns`. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
    while (line.length > columns) {
      lines.push(line.slice(0, columns));
      line = line.slice(columns);
    }
  }
  return [...lines, line];
}

const LABEL = 10;

function findingLines({ check, level, found, advice, commands = [] }: Finding, columns: number): string[] {
  const indented = (mark: string, text: string) =>
    wrapped(text, columns - mark.length).map((line, n) =>
      n === 0 ? `${mark}${line}` : `${' '.repeat(mark.length)}${line}`,
    );
  return [
    ...indented(`${level.toUpperCase()} `, `${check}: ${found}`),
    // Who has a command wants that; the advice is in doctor's answer.
    ...(commands.length > 0
      ? commands.flatMap((command) => indented('  $ ', command))
      : indented('  -> ', advice ?? '')),
  ];
}

/** Lines that fit on a screen; what there is no room for is counted in the last one. */
export function statusLines(
  facts: Facts,
  findings: readonly Finding[],
  { columns, lines }: ScreenSize,
): string[] {
  const screen = [
    headline(facts, findings),
    ...statusRows(facts).map(([label, text]) => `${label.padEnd(LABEL)}${text}`),
  ].map((line) => line.slice(0, columns));
  const bad = worstFirst(findings).filter(({ level }) => level === 'problem' || level === 'warning');
  if (bad.length === 0) return screen.slice(0, lines);
  screen.push('');
  for (let n = 0; n < bad.length; n++) {
    const block = findingLines(bad[n]!, columns);
    const isLast = n === bad.length - 1;
    // The first is shown in any case: as much of it as there is room for.
    if (n > 0 && screen.length + block.length > lines - (isLast ? 0 : 1)) {
      screen.push(`and ${bad.length - n} more: conntrackd-ts doctor`);
      break;
    }
    screen.push(...block);
  }
  return screen.slice(0, lines);
}
