/** The packet filter, by what it does in a failover with a packet whose connection is not committed yet. */

import { printable } from '../../config/error.ts';
import type { Facts } from '../../facts/facts.ts';
import { type Chain, fateOf, type Hook, type StatelessPacket } from '../../facts/rules/rule-set.ts';
import { configOf } from '../configured.ts';
import { type Finding, ok, unseen, warning } from '../finding.ts';

const HARM: Readonly<Record<'input' | 'forward', string>> = {
  input: 'in a failover its sender gets RST, until the connection is committed',
  forward: 'in a failover it goes on without its translation, until the connection is committed',
};

/** Which packets of connections that are not committed yet reach the machine, or pass it. */
export function checkRulesFirst(facts: Facts): Finding[] {
  const { ruleSet, settingsFile, settings } = facts;
  if (configOf(facts)?.mode !== 'sync') return [];
  const check = 'rules in a failover';
  if (settingsFile.state === 'usable' && settingsFile.ours.failover.guard !== undefined) {
    return [ok(check, 'the guard drops what arrives before its connection is committed')];
  }
  if (ruleSet === undefined) {
    return [unseen(check, 'the rules cannot be read by nft or iptables-save')];
  }
  const isLoose = settings['net.netfilter.nf_conntrack_tcp_loose'] !== 0;
  const states: StatelessPacket['state'][] = isLoose ? ['invalid', 'new'] : ['invalid'];
  const findings = (['input', 'forward'] as const).flatMap((hook) => {
    const found = states.flatMap((state) => throughHook(ruleSet.chains, hook, state));
    if (found.length === 0) return [];
    const [{ fate, chain }] = found as [Passed];
    const bad = found.map(({ state }) => state).join(' and ');
    const where =
      chain === undefined ? `no chain of ${hook}` : `${printable(chain.table)} ${printable(chain.name)}`;
    const harm = HARM[fate === 'reset' ? 'input' : hook];
    const text = `${where} ${FATES[fate]} a TCP packet without SYN of state ${bad}: ${harm}`;
    return [warning(`${check}: ${hook}`, text, ADVICE, ...remedies(hook, chain))];
  });
  return findings.length > 0
    ? findings
    : [ok(check, 'a TCP packet without SYN that belongs to no connection is dropped')];
}

const FATES = { accept: 'accepts', reset: 'answers with RST' } as const;

interface Passed {
  readonly state: StatelessPacket['state'];
  readonly fate: 'accept' | 'reset';
  readonly chain: Chain | undefined;
}

function throughHook(
  chains: readonly Chain[],
  hook: 'input' | 'forward',
  state: StatelessPacket['state'],
): Passed[] {
  if (fateOf(chains, 'prerouting', { state }).kind === 'drop') return [];
  const { kind, chain } = fateOf(chains, hook, { state });
  return kind === 'accept' || kind === 'reset' ? [{ state, fate: kind, chain }] : [];
}

const NFT_RULES = [
  'tcp flags & (fin|syn|rst|ack) != syn ct state new drop',
  'ct state invalid drop',
] as const;
const IPTABLES_RULES = [
  '-p tcp ! --syn -m conntrack --ctstate NEW -j DROP',
  '-m conntrack --ctstate INVALID -j DROP',
] as const;

const ADVICE =
  'drop it, or have the daemon do that: [failover.guard] in the settings file; see docs/failover.md, Rules first';

function remedies(hook: Hook, chain: Chain | undefined): string[] {
  if (chain?.table.startsWith('iptables '))
    return IPTABLES_RULES.map((rule) => `iptables -I ${hook.toUpperCase()} ${rule}`);
  const home = chain === undefined ? `inet failover ${hook}` : `${chain.table} ${chain.name}`;
  const made =
    chain === undefined
      ? `add table inet failover; add chain ${home} { type filter hook ${hook} priority filter - 1; }; `
      : '';
  const rules = NFT_RULES.map((rule) => `insert rule ${printable(home)} ${rule}`).join('; ');
  return [`nft '${made}${rules}'`];
}
