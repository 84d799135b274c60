/** Source translation needs a port of its own for each flow of one protocol to one destination and port. */

import type { Facts } from '../../facts/facts.ts';
import type { SourceNat } from '../../facts/rules/rule-set.ts';
import type { NatPool } from '../../facts/table/table-fact.ts';
import { percent } from '../amounts.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';
import { tableOf } from '../table.ts';

/** Ports that the kernel chooses from where a rule names none, for a source port from 1024 on: 1024 to 65535. */
const ALL_PORTS = 64_512;
/** Part of 1. */
const NEARLY_FULL = 0.7;
/** Part of 1 of its ports from which a pool has none left for many flows. */
export const PORTS_FULL = 0.9;

export interface PortUse {
  readonly pool: NatPool;
  readonly ports: number;
  /** Of the ports, in parts of 1. */
  readonly part: number;
  readonly text: string;
  /** What widens the range; empty where the rule names none. */
  readonly commands: readonly string[];
  /** What lets the rule choose ports at random; undefined where it does, or no rule is known. */
  readonly randomise: string | undefined;
}

function ruleFor(pool: NatPool, rules: readonly SourceNat[]): SourceNat | undefined {
  return (
    rules.find(({ address }) => address === pool.address) ??
    rules.find(({ address }) => address === undefined || address.includes('-'))
  );
}

/** How much of their ports the largest pools use, the fullest first. */
export function portUse(facts: Facts): PortUse[] {
  const pools = tableOf(facts)?.natPools ?? [];
  const rules = facts.ruleSet?.sourceNat ?? [];
  return pools
    .map((pool): PortUse => {
      const rule = ruleFor(pool, rules);
      const ports = rule?.ports === undefined ? ALL_PORTS : rule.ports[1] - rule.ports[0] + 1;
      const part = pool.flows / ports;
      const text = `${pool.flows} of ${ports} ports (${percent(pool.flows, ports)}) of ${pool.address} to ${pool.destination}, ${pool.protocol} port ${pool.port}`;
      const commands = rule?.widen === undefined || ports >= ALL_PORTS ? [] : [rule.widen];
      return { pool, ports, part, text, commands, randomise: rule?.randomise };
    })
    .sort((one, other) => other.part - one.part);
}

export function checkNatPorts(facts: Facts): Finding[] {
  const uses = portUse(facts);
  const check = 'NAT ports';
  const [fullest] = uses;
  if (fullest === undefined) return [];
  const short = uses.filter(({ part }) => part >= NEARLY_FULL);
  if (short.length === 0) return [ok(check, fullest.text)];
  return short.map(({ part, text, commands }) => {
    const advice =
      commands.length > 0
        ? 'widen the range of ports, or translate to more addresses'
        : 'translate to more addresses (snat to FIRST-LAST), or let clients keep connections open';
    return (part >= PORTS_FULL ? problem : warning)(check, text, advice, ...commands);
  });
}
