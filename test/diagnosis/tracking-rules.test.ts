import { describe, expect, it } from 'vitest';
import { portUse } from '../../src/diagnosis/kernel/check-nat-ports.ts';
import { checkTrackingRules } from '../../src/diagnosis/rules/check-tracking-rules.ts';
import { parseIptablesRules } from '../../src/facts/rules/iptables-save.ts';
import { HEALTHY, TABLE } from './healthy.ts';

const found = (text: string) =>
  checkTrackingRules({ ...HEALTHY, ruleSet: parseIptablesRules(text) }).map(({ check, level, commands }) =>
    [check, level, ...(commands ?? [])].join(' | '),
  );

const FILTER = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n';
const NEW = '-A FORWARD -i lan -m conntrack --ctstate NEW -j ACCEPT\n';
const MEND = 'iptables -I FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT';

describe('rules about connection tracking', () => {
  it('that accept what begins also accept what follows', () => {
    const both = '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n';
    expect(found(`${FILTER}${both}${NEW}`)).toEqual([]);
    expect(found(`${FILTER}${NEW}`)).toEqual([`rules: forward | problem | ${MEND}`]);
    expect(found(`${FILTER}-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n${NEW}`)).toEqual([
      `rules: forward | warning | ${MEND}`,
    ]);
    expect(found(`${FILTER}-A FORWARD -p tcp --dport 80 -j ACCEPT\n`)).toEqual([]);
    expect(
      found(`${FILTER}:SUB - [0:0]\n-A FORWARD -j SUB\n-A SUB -m state --state NEW -j ACCEPT\n`),
    ).toEqual([`rules: forward | problem | ${MEND}`]);
  });

  it('ask for a state only where packets have one', () => {
    const drop = '-A PREROUTING -m conntrack --ctstate INVALID -j DROP\n';
    expect(found(`*mangle\n:PREROUTING ACCEPT [0:0]\n${drop}`)).toEqual([]);
    expect(found(`*raw\n:PREROUTING ACCEPT [0:0]\n${drop}`)).toEqual([
      'rules: too early | problem | iptables -t raw -D PREROUTING -m conntrack --ctstate INVALID -j DROP',
    ]);
  });

  it('except from tracking what they name alone', () => {
    const chain = '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING';
    expect(found(`${chain} -p udp -m udp --dport 53 -j CT --notrack\n`)).toEqual([]);
    expect(found(`${chain} -j CT --notrack\n`)).toEqual([
      'rules: notrack | problem | iptables -t raw -D PREROUTING -j CT --notrack',
    ]);
  });
});

describe('ports of source translation', () => {
  const use = (rules: string) =>
    portUse({
      ...HEALTHY,
      ruleSet: parseIptablesRules(`*nat\n:POSTROUTING ACCEPT [0:0]\n${rules}`),
      ctnetlink: {
        kind: 'answers',
        eventBuffer: 1,
        table: {
          ...TABLE,
          natPools: [
            { protocol: 'tcp', address: '203.0.113.1', destination: '198.51.100.7', port: 443, flows: 100 },
          ],
        },
      },
    }).map(({ ports, commands }) => [ports, ...commands]);

  it.each([
    ['-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1', [64_512]],
    [
      '-A POSTROUTING -o lan -j ACCEPT\n-A POSTROUTING -o wan -p tcp -j SNAT --to-source 203.0.113.1:2000-2999',
      [1000, 'iptables -t nat -R POSTROUTING 2 -o wan -p tcp -j SNAT --to-source 203.0.113.1:1024-65535'],
    ],
    [
      '-A POSTROUTING -o wan -p tcp -j MASQUERADE --to-ports 2000-2099',
      [100, 'iptables -t nat -R POSTROUTING 1 -o wan -p tcp -j MASQUERADE --to-ports 1024-65535'],
    ],
    ['-A POSTROUTING -p tcp -j SNAT --to-source 192.0.2.9:1-2\n-A POSTROUTING -j MASQUERADE', [64_512]],
  ])('%s', (rules, expected) => {
    expect(use(rules)).toEqual([expected]);
  });

  it.each([
    [
      '-A POSTROUTING -o wan -j MASQUERADE',
      'iptables -t nat -R POSTROUTING 1 -o wan -j MASQUERADE --random-fully',
    ],
    ['-A POSTROUTING -o wan -j MASQUERADE --random-fully', undefined],
    ['-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1 --random', undefined],
  ])('%s may choose at random', (rules, randomise) => {
    const { sourceNat } = parseIptablesRules(`*nat\n:POSTROUTING ACCEPT [0:0]\n${rules}`);
    expect(sourceNat.map((rule) => rule.randomise)).toEqual([randomise]);
  });
});
