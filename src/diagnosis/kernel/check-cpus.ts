/** Whether the processors keep up with the packets. */

import type { Facts } from '../../facts/facts.ts';
import type { CpuFact } from '../../facts/kernel/cpu-load.ts';
import { percent } from '../amounts.ts';
import { type Finding, problem, warning } from '../finding.ts';
import { grewBy } from '../table.ts';

/** Packets dropped, and their part of all, that are worth a word: a burst costs a few. */
const DROPPED_MIN = 100;
const DROPPED_PART = 0.0001;
/** A processor that spends so much of its time on packets has no room for more of them. */
const BUSY_PART = 0.5;
/** The others are idle if they spend at most so much of what the busiest does. */
const IDLE_PART = 0.5;
/** Packets a second below which nothing is said of their spread. */
const PACKETS_MIN = 1000;
/** Look-ups begun anew a second that are worth a word. */
const RESTARTS_MIN = 1000;
/** Flows a bucket from which more buckets make look-ups shorter. */
const LOAD_MAX = 1;

function sum(cpus: readonly CpuFact[], value: (cpu: CpuFact) => number): number {
  return cpus.reduce((total, cpu) => total + value(cpu), 0);
}

/** Packets that were dropped before connection tracking saw them. */
export function checkBacklog({ sample, settings }: Facts): Finding[] {
  const cpus = sample?.cpus ?? [];
  const dropped = sum(cpus, (cpu) => cpu.dropped);
  const all = dropped + sum(cpus, ({ packets }) => packets);
  if (dropped < DROPPED_MIN || dropped < DROPPED_PART * all) return [];
  const worst = cpus.reduce((most, cpu) => (cpu.dropped > most.dropped ? cpu : most));
  const found = `${dropped} packets were dropped before connection tracking saw them (${percent(dropped, all)}), most by CPU ${worst.cpu}: too many waited for it`;
  const limit = settings['net.core.netdev_max_backlog'];
  const commands = limit === undefined ? [] : [`sysctl -w net.core.netdev_max_backlog=${2 * limit}`];
  return [
    problem('packet backlog', found, 'spread the packets over more CPUs, or let more wait', ...commands),
  ];
}

/** One processor that has the packets while the others have none. */
export function checkSpread({ sample }: Facts): Finding[] {
  const cpus = sample?.cpus ?? [];
  const packets = sum(cpus, (cpu) => cpu.packets);
  if (cpus.length < 2 || packets < PACKETS_MIN * sample!.seconds) return [];
  const busiest = cpus.reduce((most, cpu) => (cpu.softirqPart > most.softirqPart ? cpu : most));
  const others = cpus.filter((cpu) => cpu !== busiest);
  const idle = sum(others, ({ softirqPart }) => softirqPart) / others.length;
  if (busiest.softirqPart < BUSY_PART || idle > IDLE_PART * busiest.softirqPart) return [];
  const found = `CPU ${busiest.cpu} spends ${percent(busiest.softirqPart, 1)} of its time on packets (${percent(busiest.packets, packets)} of them), the other ${others.length} on average ${percent(idle, 1)}`;
  const advice =
    'spread them: more queues of the network card (ethtool -L DEVICE combined N), or RPS (/sys/class/net/DEVICE/queues/rx-*/rps_cpus); packets of one tunnel stay on one CPU';
  return [warning('CPUs', found, advice)];
}

/** Look-ups that met a flow which was moved or replaced meanwhile, and began anew. */
export function checkRestarts(facts: Facts): Finding[] {
  const { sample, settings } = facts;
  const restarts = grewBy(facts, 'search_restart');
  if (sample === undefined || sample.seconds <= 0 || restarts < RESTARTS_MIN * sample.seconds) return [];
  const check = 'search_restart';
  const found = `${Math.round(restarts / sample.seconds)} look-ups a second began anew, because a flow was replaced or the table resized while it was read`;
  const count = settings['net.netfilter.nf_conntrack_count'];
  const buckets = settings['net.netfilter.nf_conntrack_buckets'];
  if (count !== undefined && buckets && count > LOAD_MAX * buckets) {
    const command = `sysctl -w net.netfilter.nf_conntrack_buckets=${2 * buckets}`;
    const advice = `${count} flows share ${buckets} buckets: make more, in the first network namespace`;
    return [warning(check, found, advice, command)];
  }
  const advice =
    'see whether somebody writes nf_conntrack_buckets again and again; else flows come and go so fast that `top --sort new` shows whose they are';
  return [warning(check, found, advice)];
}
