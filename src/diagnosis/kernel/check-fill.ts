/** How full the kernel's table is, and when it will be full. */

import type { Facts } from '../../facts/facts.ts';
import { listed, percent, timeText } from '../amounts.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';
import { type Fill, fillOf, tableOf } from '../table.ts';

/** Parts of 1. */
const NEARLY_FULL = 0.75;
const FULL = 0.9;
/** Seconds until the table is full, below which that matters now. */
const SOON_S = 600;
const VERY_SOON_S = 120;
/** A growth below this part of the table in the time of the sample says nothing of what follows. */
const GROWTH_MIN = 0.001;

/** Seconds until the table is full if it goes on so; undefined where it does not grow, or hardly. */
export function secondsUntilFull({ sample }: Facts, { count, max }: Fill): number | undefined {
  if (sample === undefined || sample.seconds <= 0 || max === 0) return undefined;
  const growth = sample.entries - sample.entriesBefore;
  if (growth < GROWTH_MIN * max) return undefined;
  return (Math.max(0, max - count) * sample.seconds) / growth;
}

export function checkFill(facts: Facts): Finding[] {
  const check = 'connection table';
  const fill = fillOf(facts);
  if (fill === undefined) {
    const found = 'net.netfilter.nf_conntrack_* is not there: nothing is tracked';
    return [problem(check, found, 'load the module', 'modprobe nf_conntrack')];
  }
  const { count, max, part } = fill;
  const table = tableOf(facts);
  const contents =
    table === undefined || table.flows === 0
      ? ''
      : `: ${listed(table.kinds)}; most from ${listed(table.sources)}; ${percent(table.evictable, table.flows)} evictable`;
  const untilFull = secondsUntilFull(facts, fill);
  const soon = untilFull !== undefined && untilFull < SOON_S ? `, full in ${timeText(untilFull)}` : '';
  const share = max === 0 ? '' : ` (${percent(count, max)})`;
  const found = `${count} of ${max || 'any number of'} flows${share}${soon}${contents}`;
  const isBad = part >= FULL || (untilFull !== undefined && untilFull < VERY_SOON_S);
  if (!isBad && part < NEARLY_FULL && soon === '') return [ok(check, found)];
  const advice =
    'raise it in the first network namespace, and HashLimit with it; one source or state that dominates points to a flood, or to a timeout that is too long';
  const command = `sysctl -w net.netfilter.nf_conntrack_max=${2 * max}`;
  return [(isBad ? problem : warning)(check, found, advice, command)];
}

/** How many flows begin and end. */
export function checkChurn({ sample }: Facts): Finding[] {
  if (sample?.events === undefined) return [];
  const { began, ended, lost } = sample.events;
  const rate = (count: number): string => (count / sample.seconds).toFixed(1);
  const short = lost ? '; more than that: the kernel dropped events' : '';
  return [ok('churn', `${rate(began)} new flows a second, ${rate(ended)} ended${short}`)];
}
