/** The rules as `iptables-save` prints them, iptables-save(8), iptables-extensions(8). */

import type { Chain, Condition, Hook, Rule, Rules, SourceNat, Verdict } from './rule-set.ts';

const HOOKS: Readonly<Record<string, Hook>> = {
  PREROUTING: 'prerouting',
  INPUT: 'input',
  FORWARD: 'forward',
};
/** Priorities of the tables, NF_IP_PRI_*. */
const PRIORITIES: Readonly<Record<string, number>> = {
  'iptables raw': -300,
  'iptables mangle': -150,
  'iptables security': 50,
};
const SIMPLE_VERDICTS: Readonly<Record<string, 'accept' | 'drop' | 'reject' | 'return'>> = {
  ACCEPT: 'accept',
  DROP: 'drop',
  REJECT: 'reject',
  RETURN: 'return',
};
/** Targets after which the next rule is looked at. */
const CONTINUING: ReadonlySet<string> = new Set([
  'LOG',
  'NFLOG',
  'MARK',
  'CONNMARK',
  'CT',
  'TCPMSS',
  'TOS',
  'DSCP',
]);

/** The rules; the chains without those of the table nat, which see the first packet of a connection only. */
export function parseIptablesRules(text: string): Rules {
  const sourceNat: SourceNat[] = [];
  /** Rules so far, by chain of the table nat. */
  const natRules = new Map<string, number>();
  const chains: (Chain & { readonly rules: Rule[] })[] = [];
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = `iptables ${line.slice(1).trim()}`;
    if (table === 'iptables nat') {
      const [, chain, rest] = /^-A (\S+) ?(.*)$/.exec(line) ?? [];
      if (chain === undefined) continue;
      const number = (natRules.get(chain) ?? 0) + 1;
      natRules.set(chain, number);
      sourceNat.push(...sourceNatFrom(chain, number, rest!));
      continue;
    }
    const [, name, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
    if (name !== undefined) {
      chains.push({
        table,
        name,
        hook: HOOKS[name],
        priority: PRIORITIES[table] ?? 0,
        policy: policy === 'DROP' ? 'drop' : 'accept',
        rules: [],
      });
    }
    const [, chain, rest] = /^-A (\S+) ?(.*)$/.exec(line) ?? [];
    if (chain !== undefined) {
      const remove = `iptables -t ${table.slice('iptables '.length)} -D ${chain} ${rest}`;
      chains
        .find((one) => one.table === table && one.name === chain)
        ?.rules.push({ ...ruleFrom(rest!), remove });
    }
  }
  return { chains, sourceNat };
}

const PORTS = /(\d+)(?:-(\d+))?$/;

/** @param number of the rule in its chain, from 1 */
function sourceNatFrom(chain: string, number: number, text: string): SourceNat[] {
  const [, target] = / ?-j (SNAT|MASQUERADE)\b/.exec(text) ?? [];
  if (target === undefined) return [];
  const [, to] = /--to-(?:source|ports) (\S+)/.exec(text) ?? [];
  const isPorts = target === 'MASQUERADE';
  const [address, ports] = isPorts ? [undefined, to] : (to?.split(/:(?=[\d-]+$)/) ?? []);
  const [, first, last] = PORTS.exec(ports ?? '') ?? [];
  const place = `iptables nat ${chain}`;
  const replace = `iptables -t nat -R ${chain} ${number}`;
  const randomise = / --random(-fully)?\b/.test(text)
    ? {}
    : { randomise: `${replace} ${text} --random-fully` };
  if (first === undefined) return [{ place, address, ports: undefined, ...randomise }];
  const wide = text.replace(/(--to-(?:source \S+:|ports ))\d+(?:-\d+)?/, '$11024-65535');
  return [
    {
      place,
      address,
      ports: [Number(first), Number(last ?? first)],
      widen: `${replace} ${wide}`,
      ...randomise,
    },
  ];
}

function ruleFrom(text: string): Rule {
  const words = text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  const conditions: Condition[] = [];
  let verdict: Verdict | undefined;
  let isNegated = false;
  let isNotrack = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const list = () => words[++at]?.toLowerCase().split(',') ?? [];
    if (word === '!') {
      isNegated = true;
      continue;
    }
    switch (word) {
      case '-m':
      case '--match':
      case '--comment':
      case '--log-prefix':
      case '--log-level':
        at++;
        break;
      case '--ctstate':
      case '--state':
        conditions.push({ kind: 'state', states: list(), isNegated });
        break;
      case '-p':
        conditions.push({ kind: 'protocol', names: list(), isNegated });
        break;
      case '-i':
        conditions.push({ kind: 'interface', names: [words[++at] ?? ''], isNegated });
        break;
      case '--syn':
        conditions.push({ kind: 'tcp-flags', mask: ['fin', 'syn', 'rst', 'ack'], set: ['syn'], isNegated });
        break;
      case '--tcp-flags': {
        const mask = list();
        conditions.push({
          kind: 'tcp-flags',
          mask,
          set: list().filter((flag) => flag !== 'none'),
          isNegated,
        });
        break;
      }
      case '--reject-with':
        if (words[++at] === 'tcp-reset') verdict = { kind: 'reset' };
        break;
      case '-j':
      case '-g':
        verdict = verdictFrom(word, words[++at] ?? '');
        if (words[at] === 'NOTRACK') isNotrack = true;
        break;
      case '--notrack':
        isNotrack = true;
        break;
      default:
        // An option that is not known, or its value.
        if (word.startsWith('-')) conditions.push({ kind: 'unknown' });
    }
    isNegated = false;
  }
  return isNotrack ? { conditions, verdict: undefined, isNotrack } : { conditions, verdict };
}

function verdictFrom(option: '-j' | '-g', target: string): Verdict | undefined {
  if (CONTINUING.has(target)) return undefined;
  const kind = SIMPLE_VERDICTS[target];
  if (kind !== undefined) return { kind };
  return { kind: option === '-g' ? 'goto' : 'jump', chain: target };
}
