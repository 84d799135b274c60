/** What the flows in the table tell of the traffic, and of the timeouts. */

import type { Facts } from '../../facts/facts.ts';
import { percent, timeText } from '../amounts.ts';
import { type Finding, warning } from '../finding.ts';
import { fillOf, tableOf } from '../table.ts';

/** Flows of a kind below which their parts say nothing. */
const FLOWS_MIN = 500;
const UNREPLIED_PART = 1 / 2;
const SYN_SENT_PART = 1 / 5;
const SOURCE_PART = 1 / 3;
/** A source matters once it has this part of what the table holds at most. */
const SOURCE_FILL = 1 / 20;
const IDLE_PART = 1 / 3;
const IDLE_MIN = 100;
const DAY_S = 86_400;
const LATE_PART = 1 / 3;
const LATE_MIN = 50;
const RENEWED_MIN = 3;
/** What the kernel has by itself, nf_conntrack-sysctl. */
const STREAM_TIMEOUT_S = 120;
const ONE_SIDED_MIN = 10;
const ONE_SIDED_PART = 0.01;

/** Requests that nobody answers. */
export function checkUnanswered(facts: Facts): Finding[] {
  const table = tableOf(facts);
  if (table === undefined) return [];
  const { tcp, udp } = table;
  const findings: Finding[] = [];
  if (udp.flows >= FLOWS_MIN && udp.unreplied > UNREPLIED_PART * udp.flows) {
    const found = `${udp.unreplied} of ${udp.flows} UDP flows (${percent(udp.unreplied, udp.flows)}) have no answer: a scan, a flood, or a server that is down`;
    const advice = 'see where to: conntrackd-ts top udp unreplied --by dst,dport; then remove them';
    findings.push(warning('UDP', found, advice, 'conntrackd-ts delete udp unreplied --yes --quiet'));
  }
  if (tcp.flows >= FLOWS_MIN && tcp.synSent > SYN_SENT_PART * tcp.flows) {
    const found = `${tcp.synSent} of ${tcp.flows} TCP flows (${percent(tcp.synSent, tcp.flows)}) are in SYN_SENT: a scan, a flood, or a server that is down`;
    const advice =
      'see from where: conntrackd-ts top tcp state syn_sent --by src; keep such flows for a shorter time, and remove them';
    const commands = [
      'sysctl -w net.netfilter.nf_conntrack_tcp_timeout_syn_sent=20',
      'conntrackd-ts delete tcp state syn_sent --yes --quiet',
    ];
    findings.push(warning('TCP', found, advice, ...commands));
  }
  return findings;
}

/** One source that has a large part of the table. */
export function checkTopSource(facts: Facts): Finding[] {
  const table = tableOf(facts);
  const top = table?.sources[0];
  const max = fillOf(facts)?.max ?? 0;
  if (table === undefined || top === undefined) return [];
  const [source, flows] = top;
  if (flows < SOURCE_FILL * max || flows < FLOWS_MIN || flows <= SOURCE_PART * table.flows) return [];
  const found = `${source} has ${flows} of ${table.flows} flows (${percent(flows, table.flows)})`;
  const advice = `see what: conntrackd-ts top src ${source} --by dst,dport; limit it (nft: ct count), then remove what is too much`;
  return [warning('top source', found, advice, `conntrackd-ts delete src ${source} --yes --quiet`)];
}

/** Timeouts that are too long or too short for the traffic. */
export function checkTimeouts(facts: Facts): Finding[] {
  const table = tableOf(facts);
  if (table === undefined) return [];
  const { settings, sample } = facts;
  const { tcp, udp } = table;
  const findings: Finding[] = [];
  const established = settings['net.netfilter.nf_conntrack_tcp_timeout_established'] ?? 0;
  const isIdle = tcp.establishedTimed >= IDLE_MIN && tcp.establishedIdle > IDLE_PART * tcp.establishedTimed;
  if (isIdle && established > DAY_S) {
    const part = percent(tcp.establishedIdle, tcp.establishedTimed);
    const found = `${tcp.establishedIdle} of ${tcp.establishedTimed} established connections (${part}) had no packet for an hour, and the timeout is ${timeText(established)}`;
    const command = `sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=${DAY_S}`;
    const advice =
      'keep them for a shorter time; it counts from the next packet of each, so the idle ones stay until conntrackd-ts delete tcp state established idle >1h';
    findings.push(warning('TCP timeout', found, advice, command));
  }
  const stream = settings['net.netfilter.nf_conntrack_udp_timeout_stream'] ?? STREAM_TIMEOUT_S;
  const renewed = sample?.events?.udpRenewed ?? 0;
  const isLate =
    udp.streams >= LATE_MIN && udp.streamsLate > LATE_PART * udp.streams && stream < STREAM_TIMEOUT_S;
  if (isLate || renewed >= RENEWED_MIN) {
    const found =
      renewed >= RENEWED_MIN
        ? `${renewed} UDP flows ended and began again in ${sample!.seconds.toFixed(0)} s: they were in use`
        : `${udp.streamsLate} of ${udp.streams} UDP streams were silent for more than half of their timeout of ${stream} s`;
    const advice = 'keep them for longer; tunnels and calls send every 20 to 60 s';
    const commands = [
      'sysctl -w net.netfilter.nf_conntrack_udp_timeout=60',
      `sysctl -w net.netfilter.nf_conntrack_udp_timeout_stream=${Math.max(180, stream)}`,
    ];
    findings.push(warning('UDP timeout', found, advice, ...commands));
  }
  return findings;
}

/** Connections of which only one direction passes here. */
export function checkOneSided(facts: Facts): Finding[] {
  const { established, establishedOneSided } = tableOf(facts)?.tcp ?? {
    established: 0,
    establishedOneSided: 0,
  };
  if (establishedOneSided < ONE_SIDED_MIN || establishedOneSided <= ONE_SIDED_PART * established) return [];
  const found = `${establishedOneSided} of ${established} established connections were picked up and have packets in one direction alone: the other goes another way`;
  const advice =
    'let both directions pass one node: look at routes and the virtual address of each side (ip route get); see which: conntrackd-ts list tcp state established unreplied';
  return [warning('one-sided flows', found, advice)];
}
