/**
 * The rule set as `nft -j list ruleset` prints it. Source: libnftables-json(5). Nothing in it is trusted to have a shape: what is
 * not understood becomes an unknown condition.
 */

import type { Chain, Condition, Hook, Rule, Verdict } from './rule-set.ts';

type Json = { readonly [key: string]: unknown };

const FAMILIES: ReadonlySet<unknown> = new Set(['ip', 'inet']);
const HOOKS: ReadonlySet<unknown> = new Set<Hook>(['prerouting', 'input', 'forward']);

export interface NftRules {
  readonly chains: readonly Chain[];
  /** Whether rules came from iptables, which nft cannot read. */
  readonly hasIptables: boolean;
}

/** The chains for IPv4; undefined if the text is no such JSON. */
export function parseNftRules(text: string): NftRules | undefined {
  let items: unknown;
  try {
    items = field(JSON.parse(text), 'nftables');
  } catch {
    return undefined;
  }
  if (!Array.isArray(items)) return undefined;
  const chains: (Chain & { readonly rules: Rule[] })[] = [];
  const foreign = new Set<string>();
  for (const item of items) {
    const chain = field(item, 'chain');
    if (FAMILIES.has(field(chain, 'family'))) {
      // Chains for translation see the first packet of a connection only.
      const isFilter = field(chain, 'type') !== 'nat';
      const hook = HOOKS.has(field(chain, 'hook')) && isFilter ? (field(chain, 'hook') as Hook) : undefined;
      const policy = field(chain, 'policy') === 'drop' ? 'drop' : 'accept';
      chains.push({ table: tableOf(chain), name: String(field(chain, 'name')), hook, policy, rules: [] });
    }
    const rule = field(item, 'rule');
    const expressions = field(rule, 'expr');
    if (!Array.isArray(expressions)) continue;
    const table = tableOf(rule);
    if (expressions.some((expression) => field(expression, 'xt') !== undefined)) foreign.add(table);
    const home = chains.find((one) => one.table === table && one.name === field(rule, 'chain'));
    home?.rules.push(...rulesFrom(expressions));
  }
  return {
    chains: chains.filter(({ table }) => !foreign.has(table)),
    hasIptables: foreign.size > 0,
  };
}

function tableOf(item: unknown): string {
  return `${field(item, 'family')} ${field(item, 'table')}`;
}

/** One rule, or several where a verdict map decides. */
function rulesFrom(expressions: readonly unknown[]): Rule[] {
  const conditions: Condition[] = [];
  for (const expression of expressions) {
    const match = field(expression, 'match');
    if (match !== undefined) conditions.push(conditionFrom(match));
    const map = field(expression, 'vmap');
    if (map !== undefined) return rulesFromMap(conditions, map);
    if (field(expression, 'limit') !== undefined) conditions.push({ kind: 'unknown' });
    const verdict = verdictFrom(expression);
    if (verdict !== undefined) return [{ conditions, verdict }];
  }
  return [{ conditions, verdict: undefined }];
}

/** `ct state vmap { established : accept, invalid : drop }`. */
function rulesFromMap(before: readonly Condition[], map: unknown): Rule[] {
  const pairs = field(field(map, 'data'), 'set');
  if (!Array.isArray(pairs)) return [];
  return pairs.map((pair: unknown) => {
    const [value, verdict] = Array.isArray(pair) ? pair : [];
    const condition = conditionFrom({ op: '==', left: field(map, 'key'), right: value });
    return { conditions: [...before, condition], verdict: verdictFrom(verdict) };
  });
}

const SIMPLE_VERDICTS = ['accept', 'drop', 'return'] as const;

function verdictFrom(expression: unknown): Verdict | undefined {
  if (typeof expression !== 'object' || expression === null) return undefined;
  for (const kind of SIMPLE_VERDICTS) if (Object.hasOwn(expression, kind)) return { kind };
  if (Object.hasOwn(expression, 'reject')) {
    return { kind: field(field(expression, 'reject'), 'type') === 'tcp reset' ? 'reset' : 'reject' };
  }
  for (const kind of ['jump', 'goto'] as const) {
    const target = field(field(expression, kind), 'target');
    if (typeof target === 'string') return { kind, chain: target };
  }
  return undefined;
}

function conditionFrom(match: unknown): Condition {
  const left = field(match, 'left');
  const names = wordsIn(field(match, 'right'));
  const isNegated = field(match, 'op') === '!=';
  if (field(field(left, 'ct'), 'key') === 'state') return { kind: 'state', states: names, isNegated };
  const meta = field(field(left, 'meta'), 'key');
  if (meta === 'l4proto') return { kind: 'protocol', names, isNegated };
  if (meta === 'iifname' || meta === 'iif') return { kind: 'interface', names, isNegated };
  const payload = field(left, 'payload');
  if (field(payload, 'protocol') === 'ip' && field(payload, 'field') === 'protocol') {
    return { kind: 'protocol', names, isNegated };
  }
  const masked = field(left, '&');
  if (Array.isArray(masked)) {
    const of = field(masked[0], 'payload');
    if (field(of, 'protocol') === 'tcp' && field(of, 'field') === 'flags') {
      return { kind: 'tcp-flags', mask: wordsIn(masked[1]), set: names, isNegated };
    }
  }
  return { kind: 'unknown' };
}

/** All strings in a value, however deep: of lists, sets, and flags joined by `|`. */
function wordsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(wordsIn);
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Json)[name];
}
