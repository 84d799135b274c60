/** Rules that harm connection tracking itself. */

import { printable } from '../../config/error.ts';
import type { Facts } from '../../facts/facts.ts';
import { type Chain, fateOf, type Hook, type Rule, TRACKING_PRIORITY } from '../../facts/rules/rule-set.ts';
import { type Finding, problem, warning } from '../finding.ts';

const nameOf = ({ table, name }: Chain): string => `${printable(table)} ${printable(name)}`;

/** A command that puts a rule first in a chain. */
function insertCommand(chain: Chain, nft: string, iptables: string): string {
  return chain.table.startsWith('iptables ')
    ? `iptables -I ${chain.name} ${iptables}`
    : `nft 'insert rule ${nameOf(chain)} ${nft}'`;
}

/** Chains that others jump to from a chain, and itself. */
function reached(chains: readonly Chain[], from: Chain, seen = new Set<Chain>()): Set<Chain> {
  if (seen.has(from)) return seen;
  seen.add(from);
  for (const { verdict } of from.rules) {
    if (verdict?.kind !== 'jump' && verdict?.kind !== 'goto') continue;
    const next = chains.find(({ table, name }) => table === from.table && name === verdict.chain);
    if (next !== undefined) reached(chains, next, seen);
  }
  return seen;
}

/** Whether a rule accepts packets that begin a connection, by their state. */
function acceptsNew(chains: readonly Chain[], base: Chain): boolean {
  return [...reached(chains, base)].some(({ rules }) =>
    rules.some(
      ({ conditions, verdict }) =>
        verdict?.kind === 'accept' &&
        conditions.some(
          (condition) =>
            condition.kind === 'state' && condition.states.includes('new') !== condition.isNegated,
        ),
    ),
  );
}

function checkAnswers(chains: readonly Chain[], hook: Hook): Finding[] {
  const base = chains.filter((chain) => chain.hook === hook);
  const blocked = (state: 'established' | 'related') => {
    const { kind, chain } = fateOf(chains, hook, { state });
    return kind === 'accept' ? undefined : chain;
  };
  if (!base.some((chain) => acceptsNew(chains, chain))) return [];
  const established = blocked('established');
  const check = `rules: ${hook}`;
  const command = (chain: Chain) =>
    insertCommand(
      chain,
      'ct state established,related accept',
      '-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    );
  if (established !== undefined) {
    const found = `${nameOf(established)} accepts new connections, and drops what belongs to established ones`;
    return [problem(check, found, 'accept both, before all else', command(established))];
  }
  const related = blocked('related');
  if (related === undefined) return [];
  const found = `${nameOf(related)} drops what is related to connections: ICMP errors, path MTU discovery, helpers' data`;
  return [warning(check, found, 'accept it', command(related))];
}

const HOOKS = ['input', 'forward'] as const;

/** Whether rules ask for the state of packets that are not tracked yet: that is `invalid` for all of them. */
function checkTooEarly(chains: readonly Chain[]): Finding[] {
  return chains.flatMap((chain) => {
    if (chain.hook !== 'prerouting' || chain.priority > TRACKING_PRIORITY) return [];
    const drop = chain.rules.find(
      ({ conditions, verdict }) =>
        verdict?.kind === 'drop' &&
        conditions.some(
          (condition) =>
            condition.kind === 'state' && condition.states.includes('invalid') && !condition.isNegated,
        ),
    );
    if (drop === undefined) return [];
    const found = `${nameOf(chain)} drops invalid packets at priority ${chain.priority}, before packets are tracked: to it all are invalid`;
    const advice = `move the rule to a chain with a priority above ${TRACKING_PRIORITY}`;
    return [problem('rules: too early', found, advice, ...removal(drop))];
  });
}

const removal = ({ remove }: Rule): string[] => (remove === undefined ? [] : [remove]);

/** Whether rules keep everything from being tracked. */
function checkNotrack(chains: readonly Chain[]): Finding[] {
  return chains.flatMap((chain) => {
    const rule = chain.rules.find(({ conditions, isNotrack }) => isNotrack && conditions.length === 0);
    if (chain.hook === undefined || rule === undefined) return [];
    const found = `${nameOf(chain)} keeps all packets from being tracked`;
    return [problem('rules: notrack', found, 'except what is to survive a failover', ...removal(rule))];
  });
}

export function checkTrackingRules({ ruleSet }: Facts): Finding[] {
  if (ruleSet === undefined) return [];
  const { chains } = ruleSet;
  return [
    ...HOOKS.flatMap((hook) => checkAnswers(chains, hook)),
    ...checkTooEarly(chains),
    ...checkNotrack(chains),
  ];
}
