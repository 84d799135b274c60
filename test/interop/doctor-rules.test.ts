import { beforeAll, describe, expect, test } from 'vitest';
import { missingForLab, type Namespace } from '../../sim/netns/lab.ts';
import { createNamespace } from '../../sim/netns/namespace.ts';
import { openScope } from '../../sim/netns/scope.ts';
import type { Finding } from '../../src/diagnosis/finding.ts';
import { checkRulesFirst } from '../../src/diagnosis/rules/check-rules-first.ts';
import type { Facts } from '../../src/facts/facts.ts';
import { parseNftRules } from '../../src/facts/rules/nft-json.ts';

beforeAll(() => {
  expect(missingForLab([])).toEqual([]);
});

/** The doctor's findings about the rules that nft shows here. */
async function findings(host: Namespace, loose: 0 | 1): Promise<Finding[]> {
  const rules = parseNftRules(await host.must('nft', ['-j', 'list', 'ruleset']))!;
  return checkRulesFirst({
    configuration: { path: 'c', parsed: { config: { mode: 'sync' } } },
    settingsFile: { path: 's', state: 'absent' },
    settings: { 'net.netfilter.nf_conntrack_tcp_loose': loose },
    ruleSet: rules,
  } as unknown as Facts);
}

const NOT_SYN = 'tcp flags & (fin|syn|rst|ack) != syn ct state new drop';
const BOTH = `ct state invalid drop; ${NOT_SYN}`;

function ruleSet(input: string, forward = input): string {
  return `flush ruleset
table inet t {
  chain sub { ct state vmap { established : accept, related : accept, invalid : drop }; }
  chain in { type filter hook input priority filter; policy accept; ${input}; }
  chain fw { type filter hook forward priority filter; policy accept; ${forward}; }
}
`;
}

/** Whether nothing is found with `nf_conntrack_tcp_loose` 0, and with 1. */
const CASES: readonly [string, boolean, boolean][] = [
  ['counter', false, false],
  [BOTH, true, true],
  [`iifname "lo" accept; ct state established,related accept; ${BOTH}; tcp dport 22 accept`, true, true],
  ['ct state invalid drop', true, false],
  [NOT_SYN, false, false],
  ['ct state established,related accept; tcp dport { 22, 80 } accept; drop', true, true],
  ['ct state established,related accept; accept; drop', false, false],
  ['reject', true, true],
  ['meta l4proto tcp reject with tcp reset', false, false],
  ['jump sub', true, false],
  ['ct state { invalid, new } drop', true, true],
  ['ct state != { established, related } drop', true, true],
  ['ct state vmap { new : drop, invalid : drop }', true, true],
  ['meta l4proto tcp ct state invalid,new limit rate 1/second drop', false, false],
  ['ip protocol tcp ct state invalid,untracked log prefix "x" counter drop', true, false],
  ['tcp flags syn / fin,syn,rst,ack accept; ct state invalid,new drop', true, true],
];

describe('the doctor on rule sets of nft', () => {
  test('finds what lets a packet without a connection through, and its commands mend it', async () => {
    const scope = openScope();
    try {
      const host = await createNamespace(scope, 'host');
      for (const [rules, isWellStrict, isWellLoose] of CASES) {
        await host.nft(ruleSet(rules));
        const found = [await findings(host, 0), await findings(host, 1)];
        expect([rules, ...found.map((some) => some.every(({ level }) => level === 'ok'))]).toEqual([
          rules,
          isWellStrict,
          isWellLoose,
        ]);
        const commands = found[1]!.flatMap(({ commands = [] }) => commands);
        expect(commands).toHaveLength(isWellLoose ? 0 : 2);
        for (const command of commands) await host.must('sh', ['-c', command]);
        expect((await findings(host, 1)).map(({ level }) => level)).toEqual(['ok']);
      }
      await host.nft('flush ruleset');
      for (const { commands } of await findings(host, 1))
        for (const command of commands!) await host.must('sh', ['-c', command]);
      expect((await findings(host, 1)).map(({ level }) => level)).toEqual(['ok']);
    } finally {
      await scope.close();
    }
  });
});
