/**
 * The rule set as `nft -j list ruleset` prints it. Source: libnftables-json(5). Nothing in it is trusted to have a shape: what is
 * not understood becomes an unknown condition.
 */

import type { Chain, Condition, Hook, Rule, Rules, SourceNat, Verdict } from './rule-set.ts';

type Json = { readonly [key: string]: unknown };

const FAMILIES: ReadonlySet<unknown> = new Set(['ip', 'inet']);
const HOOKS: ReadonlySet<unknown> = new Set<Hook>(['prerouting', 'input', 'forward']);

export interface NftRules extends Rules {
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
  const sourceNat: SourceNat[] = [];
  const foreign = new Set<string>();
  for (const item of items) {
    const chain = field(item, 'chain');
    if (FAMILIES.has(field(chain, 'family'))) {
      // Chains for translation see the first packet of a connection only.
      const isFilter = field(chain, 'type') !== 'nat';
      const hook = HOOKS.has(field(chain, 'hook')) && isFilter ? (field(chain, 'hook') as Hook) : undefined;
      const policy = field(chain, 'policy') === 'drop' ? 'drop' : 'accept';
      const priority = Number(field(chain, 'prio') ?? 0);
      const name = String(field(chain, 'name'));
      chains.push({ table: tableOf(chain), name, hook, priority, policy, rules: [] });
    }
    const rule = field(item, 'rule');
    const expressions = field(rule, 'expr');
    if (!Array.isArray(expressions)) continue;
    const table = tableOf(rule);
    if (expressions.some((expression) => field(expression, 'xt') !== undefined)) foreign.add(table);
    const home = chains.find((one) => one.table === table && one.name === field(rule, 'chain'));
    const remove = `nft delete rule ${table} ${field(rule, 'chain')} handle ${field(rule, 'handle')}`;
    home?.rules.push(...rulesFrom(expressions, remove));
    sourceNat.push(...sourceNatFrom(rule, expressions));
  }
  return {
    chains: chains.filter(({ table }) => !foreign.has(table)),
    sourceNat: sourceNat.filter(({ place }) => ![...foreign].some((table) => place.startsWith(`${table} `))),
    hasIptables: foreign.size > 0,
  };
}

function tableOf(item: unknown): string {
  return `${field(item, 'family')} ${field(item, 'table')}`;
}

const HIGHEST_PORT = 65_535;
/** Flags of a translation that chooses ports at random. */
const RANDOM: ReadonlySet<string> = new Set(['random', 'fully-random']);

function portsFrom(value: unknown): readonly [number, number] | undefined {
  if (typeof value === 'number') return [value, value];
  const range = field(value, 'range');
  if (!Array.isArray(range) || !range.every((port) => typeof port === 'number')) return undefined;
  return [range[0], range[1]];
}

function sourceNatFrom(rule: unknown, expressions: readonly unknown[]): SourceNat[] {
  return expressions.flatMap((expression) =>
    (['snat', 'masquerade'] as const).flatMap((kind): SourceNat[] => {
      if (typeof expression !== 'object' || expression === null || !Object.hasOwn(expression, kind))
        return [];
      const nat = field(expression, kind);
      const address = field(nat, 'addr');
      const ports = portsFrom(field(nat, 'port'));
      const flags = wordsIn(field(nat, 'flags'));
      const replaceWith = (changed: Json) =>
        replaceCommand(rule, expressions, expression, { [kind]: { ...(nat as Json | null), ...changed } });
      return [
        {
          place: `${tableOf(rule)} ${field(rule, 'chain')}`,
          address: typeof address === 'string' ? address : undefined,
          ports,
          ...(ports && { widen: replaceWith({ port: { range: [1024, HIGHEST_PORT] } }) }),
          ...(!flags.some((flag) => RANDOM.has(flag)) && {
            randomise: replaceWith({ flags: [...flags, 'fully-random'] }),
          }),
        },
      ];
    }),
  );
}

/** Replaces the rule by itself with one expression changed. */
function replaceCommand(
  rule: unknown,
  expressions: readonly unknown[],
  expression: unknown,
  changed: Json,
): string {
  const expr = expressions.map((one) => (one === expression ? changed : one));
  const { family, table, chain, handle } = rule as Json;
  const replaced = { nftables: [{ replace: { rule: { family, table, chain, handle, expr } } }] };
  return `echo '${JSON.stringify(replaced).replaceAll("'", "'\\''")}' | nft -j -f -`;
}

/** One rule, or several where a verdict map decides. */
function rulesFrom(expressions: readonly unknown[], remove: string): Rule[] {
  const conditions: Condition[] = [];
  for (const expression of expressions) {
    const match = field(expression, 'match');
    if (match !== undefined) conditions.push(conditionFrom(match));
    const map = field(expression, 'vmap');
    if (map !== undefined) return rulesFromMap(conditions, map);
    if (field(expression, 'limit') !== undefined) conditions.push({ kind: 'unknown' });
    if (typeof expression === 'object' && expression !== null && Object.hasOwn(expression, 'notrack'))
      return [{ conditions, verdict: undefined, isNotrack: true, remove }];
    const verdict = verdictFrom(expression);
    if (verdict !== undefined) return [{ conditions, verdict, remove }];
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
