/** Translated destinations: backends that are gone, and backends that get more than their part. */

import type { Facts } from '../../facts/facts.ts';
import type { Backend } from '../../facts/table/table-fact.ts';
import { percent } from '../amounts.ts';
import { type Finding, warning } from '../finding.ts';
import { tableOf } from '../table.ts';

const FLOWS_MIN = 100;
/** The part of the largest backend, as a multiple of what each would have. */
const SKEW = 2;
/** The same of two. */
const SKEW_OF_TWO = 1.6;

const serviceText = ({ protocol, service, servicePort }: Backend): string =>
  `${protocol} ${service} port ${servicePort}`;

const flowsFilter = ({ protocol, service, servicePort, backend }: Backend): string =>
  `${protocol} dst ${service} dport ${servicePort} reply-src ${backend}`;

/** Senders that go on with a backend which never answers: its flow keeps them there. */
export function checkStaleBackends(facts: Facts): Finding[] {
  return (tableOf(facts)?.refreshedUnanswered ?? []).map((backend) => {
    const found = `${backend.flows} flows of ${serviceText(backend)} are refreshed and never answered: their backend ${backend.backend} is gone, and their entries keep them there`;
    const command = `conntrackd-ts delete ${flowsFilter(backend)} unreplied --yes --quiet`;
    return warning('stale backend', found, 'remove them, and new ones get a live backend', command);
  });
}

/** One backend of a service that has far more flows than the others. */
export function checkSkew(facts: Facts): Finding[] {
  const services = new Map<string, Backend[]>();
  for (const backend of tableOf(facts)?.backends ?? []) {
    const name = serviceText(backend);
    services.set(name, [...(services.get(name) ?? []), backend]);
  }
  return [...services].flatMap(([name, backends]) => {
    const total = backends.reduce((sum, { flows }) => sum + flows, 0);
    const [largest] = backends;
    if (backends.length < 2 || total < FLOWS_MIN) return [];
    const limit = (backends.length === 2 ? SKEW_OF_TWO : SKEW) / backends.length;
    if (largest!.flows <= limit * total) return [];
    const found = `${largest!.backend} has ${largest!.flows} of ${total} flows (${percent(largest!.flows, total)}) of ${name}, which has ${backends.length} backends`;
    const advice =
      'look at session affinity, externalTrafficPolicy, and clients that keep few connections open; new connections are spread again';
    const command = `conntrackd-ts delete ${flowsFilter(largest!)} --yes --quiet`;
    return [warning('skewed backends', found, advice, command)];
  });
}
