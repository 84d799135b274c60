import { describe, expect, it } from 'vitest';
import { checkGuard } from '../../src/diagnosis/node/check-guard.ts';
import { checkRulesFirst } from '../../src/diagnosis/rules/check-rules-first.ts';
import type { Facts } from '../../src/facts/facts.ts';
import { parseIptablesRules } from '../../src/facts/rules/iptables-save.ts';
import { parseNftRules } from '../../src/facts/rules/nft-json.ts';
import { type Chain, fateOf, type Rules } from '../../src/facts/rules/rule-set.ts';
import { parseSettings } from '../../src/settings/parse.ts';

const input = (rules: string, policy = 'ACCEPT') =>
  parseIptablesRules(`# Generated\n*filter\n:INPUT ${policy} [0:0]\n:SUB - [0:0]\n${rules}\nCOMMIT\n`).chains;

const LOOSE = { state: 'new' } as const;
const STRICT = { state: 'invalid' } as const;
const fates = (chains: readonly Chain[]) =>
  [STRICT, LOOSE].map((packet) => fateOf(chains, 'input', packet).kind);

describe('rules of iptables-save', () => {
  it.each([
    ['', 'ACCEPT', ['accept', 'accept']],
    ['', 'DROP', ['drop', 'drop']],
    ['-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', 'DROP', ['drop', 'drop']],
    ['-A INPUT -m conntrack --ctstate INVALID -j DROP', 'ACCEPT', ['drop', 'accept']],
    [
      '-A INPUT -m conntrack --ctstate INVALID -j DROP\n-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP',
      'ACCEPT',
      ['drop', 'drop'],
    ],
    ['-A INPUT -p tcp ! --syn -m state --state NEW,INVALID -j DROP', 'ACCEPT', ['drop', 'drop']],
    ['-A INPUT -p tcp --syn -m state --state NEW,INVALID -j DROP', 'ACCEPT', ['accept', 'accept']],
    [
      '-A INPUT -i lo -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-port-unreachable',
      'ACCEPT',
      ['reject', 'reject'],
    ],
    ['-A INPUT -p tcp -j REJECT --reject-with tcp-reset', 'DROP', ['reset', 'reset']],
    ['-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT', 'DROP', ['drop', 'drop']],
    ['-A INPUT -p udp -j ACCEPT', 'DROP', ['drop', 'drop']],
    ['-A INPUT ! -p udp -j ACCEPT', 'DROP', ['accept', 'accept']],
    ['-A INPUT -m comment --comment "drop -j DROP it" -j ACCEPT', 'DROP', ['accept', 'accept']],
    [
      '-A INPUT -j LOG --log-prefix "x -j DROP "\n-A INPUT -j SUB\n-A SUB -m conntrack --ctstate INVALID -j DROP',
      'ACCEPT',
      ['drop', 'accept'],
    ],
    ['-A INPUT -j SUB\n-A SUB -j RETURN\n-A SUB -j DROP', 'ACCEPT', ['accept', 'accept']],
    ['-A INPUT -g SUB\n-A INPUT -j ACCEPT', 'DROP', ['drop', 'drop']],
    ['-A INPUT -m set --match-set good src -j ACCEPT', 'DROP', ['drop', 'drop']],
    ['-A INPUT -s 192.0.2.0/24 -j DROP', 'ACCEPT', ['accept', 'accept']],
    ['-A INPUT -j SUB\n-A SUB -j SUB', 'DROP', ['drop', 'drop']],
  ])('%s (policy %s): %j', (rules, policy, expected) => {
    expect(fates(input(rules, policy))).toEqual(expected);
  });

  it('of the table nat do not count', () => {
    const { chains } = parseIptablesRules('*nat\n:INPUT DROP [0:0]\n-A INPUT -j DROP\nCOMMIT\n');
    expect(fates(chains)).toEqual(['accept', 'accept']);
  });
});

describe('what nft prints', () => {
  it('may be anything: it is then no rule set, or one without chains', () => {
    for (const text of ['', '{', '[]', '{}', '{"nftables": 3}']) expect(parseNftRules(text)).toBeUndefined();
    const odd =
      '{"nftables": [null, 3, {"chain": null}, {"rule": {"expr": [null, {"match": 3}]}}, {"rule": {"expr": 4}}]}';
    expect(parseNftRules(odd)).toEqual({ chains: [], sourceNat: [], hasIptables: false });
  });

  it('reports where iptables made rules, which it cannot show', () => {
    const text = JSON.stringify({
      nftables: [
        {
          chain: {
            family: 'ip',
            table: 'filter',
            name: 'INPUT',
            type: 'filter',
            hook: 'input',
            policy: 'accept',
          },
        },
        { rule: { family: 'ip', table: 'filter', chain: 'INPUT', expr: [{ xt: null }, { drop: null }] } },
        { chain: { family: 'inet', table: 't', name: 'c', type: 'filter', hook: 'input', policy: 'drop' } },
      ],
    });
    const { chains, hasIptables } = parseNftRules(text)!;
    expect(hasIptables).toBe(true);
    expect(chains.map(({ table }) => table)).toEqual(['inet t']);
  });
});

describe('the check of the rules', () => {
  const rulesOf = (chains: readonly Chain[]): Rules => ({ chains, sourceNat: [] });
  const facts = (changed: Partial<Facts>): Facts =>
    ({
      configuration: { path: 'c', parsed: { config: { mode: 'sync' } } },
      settingsFile: { path: 's', state: 'absent' },
      settings: { 'net.netfilter.nf_conntrack_tcp_loose': 1 },
      ruleSet: rulesOf([]),
      ...changed,
    }) as Facts;

  it('names the chain, what happens, and the commands that mend it', () => {
    const chains = input('-A INPUT -m conntrack --ctstate INVALID -j DROP');
    const [first, second] = checkRulesFirst(facts({ ruleSet: rulesOf(chains) }));
    expect(first).toEqual({
      check: 'rules in a failover: input',
      level: 'warning',
      found:
        'iptables filter INPUT accepts a TCP packet without SYN of state new: in a failover its sender gets RST, until the connection is committed',
      advice: expect.stringContaining('[failover.guard]'),
      commands: [
        'iptables -I INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP',
        'iptables -I INPUT -m conntrack --ctstate INVALID -j DROP',
      ],
    });
    expect(second!.found).toContain(
      'no chain of forward accepts a TCP packet without SYN of state invalid and new',
    );
    expect(second!.commands![0]).toContain("nft 'add table inet failover; add chain inet failover forward {");
  });

  it('looks at what the kernel makes of such a packet', () => {
    const chains = [
      ...input('-A INPUT -m conntrack --ctstate INVALID -j DROP'),
      ...parseIptablesRules('*filter\n:FORWARD DROP [0:0]\n').chains,
    ];
    const levels = (loose: number) =>
      checkRulesFirst(
        facts({
          ruleSet: rulesOf(chains),
          settings: { 'net.netfilter.nf_conntrack_tcp_loose': loose } as Facts['settings'],
        }),
      ).map(({ level }) => level);
    expect(levels(0)).toEqual(['ok']);
    expect(levels(1)).toEqual(['warning']);
  });

  it('is content with a guard, sees nothing where the rules cannot be read, and is for replication alone', () => {
    const ours = parseSettings('[failover.guard]\ninterfaces = ["in0"]\n', 's');
    const guarded = { path: 's', state: 'usable', ours } as const;
    expect(checkRulesFirst(facts({ settingsFile: guarded })).map(({ level }) => level)).toEqual(['ok']);
    expect(checkRulesFirst(facts({ ruleSet: undefined })).map(({ level }) => level)).toEqual(['unseen']);
    const stats = { path: 'c', parsed: { config: { mode: 'stats' } } } as Facts['configuration'];
    expect(checkRulesFirst(facts({ configuration: stats }))).toEqual([]);
  });
});

describe('the check of the guard', () => {
  const ours = parseSettings('[failover.guard]\ninterfaces = ["in0", "out0"]\n', 's');
  const facts = (changed: Partial<Facts>): Facts =>
    ({
      settingsFile: { path: 's', state: 'usable', ours },
      interfaces: { in0: {}, out0: {} },
      kernelRelease: '5.12.0',
      ...changed,
    }) as Facts;

  it('reports nothing where there is none', () => {
    expect(checkGuard(facts({ settingsFile: { path: 's', state: 'absent' } }))).toEqual([]);
  });

  it.each([
    [{}, ['ok: on in0, out0, 10 s at most']],
    [{ kernelRelease: '6.1.0-13-amd64' }, ['ok: on in0, out0, 10 s at most']],
    [
      { kernelRelease: '5.4.0-200-generic' },
      ['problem: Linux 5.4 has no tables with an owner: the daemon does not start'],
    ],
    [{ kernelRelease: 'odd' }, ['unseen: whether Linux odd can have it']],
    [{ interfaces: {} }, ['problem: there is no interface in0', 'problem: there is no interface out0']],
  ] as [Partial<Facts>, string[]][])('with %j finds %j', (changed, expected) => {
    expect(checkGuard(facts(changed)).map(({ level, found }) => `${level}: ${found}`)).toEqual(expected);
  });
});
