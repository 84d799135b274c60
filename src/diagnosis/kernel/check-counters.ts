/** Counters of the kernel that grow when something is wrong. */

import type { Facts } from '../../facts/facts.ts';
import { percent } from '../amounts.ts';
import { type Finding, ok, problem, unseen, warning } from '../finding.ts';
import { grewBy, isFull } from '../table.ts';

/** Invalid packets that are worth a word, and their part of new flows. */
const INVALID_MIN = 10;
const INVALID_PART = 0.01;

/** Packets that were dropped for want of an entry, and flows that were dropped for others. */
export function checkDrops(facts: Facts): Finding[] {
  const { sample } = facts;
  const check = 'drops';
  if (sample === undefined) return [unseen(check, "the kernel's counters cannot be read", 'run it as root')];
  const max = facts.settings['net.netfilter.nf_conntrack_max'];
  const raise = max === undefined || max === 0 ? [] : [`sysctl -w net.netfilter.nf_conntrack_max=${2 * max}`];
  const span = `in ${sample.seconds.toFixed(0)} s`;
  const findings: Finding[] = [];
  const evicted = grewBy(facts, 'early_drop');
  if (evicted > 0) {
    const found = `${evicted} flows were dropped for new ones ${span} (early_drop): the table is full`;
    findings.push(problem(check, found, 'raise the limit, in the first network namespace', ...raise));
  }
  const full = isFull(facts);
  // The packet of each insertion that fails is dropped too: checkInsertFailed says why.
  const dropped = grewBy(facts, 'drop') - (full ? 0 : grewBy(facts, 'insert_failed'));
  if (dropped > 0) {
    const found = `${dropped} packets were dropped ${span} (drop)${full ? ': the table is full' : ''}`;
    const advice = full ? 'raise the limit, in the first network namespace' : "look at the kernel's log";
    findings.push(problem(check, found, advice, ...(full ? raise : [])));
  }
  if (findings.length > 0) return findings;
  const total = (name: string) => `${name} ${sample.counters[name]?.total ?? 0}`;
  return [ok(check, `none ${span}; so far ${['drop', 'early_drop', 'insert_failed'].map(total).join(', ')}`)];
}

/** Packets that belong to no flow, against the flows that began. */
export function checkInvalid(facts: Facts): Finding[] {
  const { sample } = facts;
  const events = sample?.events;
  const invalid = grewBy(facts, 'invalid');
  if (events === undefined || invalid < INVALID_MIN || invalid <= INVALID_PART * events.began) return [];
  const part = events.began === 0 ? '' : `, ${percent(invalid, events.began)} of ${events.began} new flows`;
  const found = `${invalid} packets belonged to no flow${part}`;
  const advice =
    'see which with nf_conntrack_log_invalid, in the kernel log; the usual reasons are packets that come one way only, offload by a network card, and resets after a timeout that is too short';
  return [warning('invalid packets', found, advice, 'sysctl -w net.netfilter.nf_conntrack_log_invalid=255')];
}

/** Chains of the hash table that are too long. */
export function checkChains(facts: Facts): Finding[] {
  const buckets = facts.settings['net.netfilter.nf_conntrack_buckets'];
  const count = facts.settings['net.netfilter.nf_conntrack_count'];
  const tooLong = grewBy(facts, 'chaintoolong');
  if (tooLong === 0 || !buckets) return [];
  const found = `${tooLong} new flows were refused because their hash chain was too long (chaintoolong), with ${count} flows in ${buckets} buckets`;
  const command = `sysctl -w net.netfilter.nf_conntrack_buckets=${2 * buckets}`;
  return [problem('hash chains', found, 'more buckets, in the first network namespace', command)];
}
