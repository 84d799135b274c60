/** New flows that got into no table although it has room: their tuple was taken by the time they were to be inserted. */

import type { Facts } from '../../facts/facts.ts';
import { type Finding, problem, warning } from '../finding.ts';
import { grewBy, isFull, tableOf } from '../table.ts';
import { PORTS_FULL, portUse } from './check-nat-ports.ts';

const CHECK = 'insert_failed';

export function checkInsertFailed(facts: Facts): Finding[] {
  const failed = grewBy(facts, 'insert_failed');
  if (failed === 0 || isFull(facts)) return [];
  const uses = portUse(facts);
  const [fullest] = uses;
  if (fullest !== undefined && fullest.part >= PORTS_FULL) {
    const found = `${failed} new flows found no free port (insert_failed), and their packets were dropped: ${fullest.text}`;
    const advice = 'widen the range of ports, or translate to more addresses';
    return [problem(CHECK, found, advice, ...fullest.commands)];
  }
  const predictable = uses.filter(({ randomise }) => randomise !== undefined);
  if (predictable.length > 0) {
    const addresses = [...new Set(predictable.map(({ pool }) => pool.address))].join(', ');
    const found = `${failed} new flows could not be inserted (insert_failed), and their packets were dropped; translation to ${addresses} does not choose ports at random`;
    const advice =
      'flows that begin at once from the same port of several clients get the same port, and one of them is dropped: let the rule choose at random';
    return [warning(CHECK, found, advice, ...new Set(predictable.map(({ randomise }) => randomise!)))];
  }
  return [warning(CHECK, ...unexplained(facts, failed))];
}

/** What is found, and what to do, where source translation is not why. */
function unexplained(facts: Facts, failed: number): [found: string, advice: string] {
  const resolved = grewBy(facts, 'clash_resolve');
  const table = tableOf(facts);
  const dns = table && table.udp.dns > 0 ? `; ${table.udp.dns} flows are DNS over UDP` : '';
  // Linux 5.7 and later let all packets of one UDP flow pass that race each other.
  if (resolved > 0) {
    return [
      `${failed} packets lost a race with the first of their flow (insert_failed; clash_resolve ${resolved})${dns}`,
      'with a kernel before 5.7, packets of one socket at once, as DNS clients send for A and AAAA, are lost where they are translated to different servers: set `options single-request-reopen` or `use-vc` in the resolv.conf of the clients; with a newer one, look for source translation that does not choose ports at random',
    ];
  }
  return [
    `${failed} new flows could not be inserted, and their packets were dropped${dns}`,
    'look for source translation that does not choose ports at random, and for translation to an address whose ports are used up from elsewhere',
  ];
}
