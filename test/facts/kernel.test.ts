import { describe, expect, it } from 'vitest';
import { countTableFull } from '../../src/facts/kernel/kernel-log.ts';
import { sampleOf } from '../../src/facts/kernel/sample.ts';
import { parseNftRules } from '../../src/facts/rules/nft-json.ts';
import type { TableStatistics } from '../../src/kernel/listing/table-statistics.ts';

describe("the kernel's log", () => {
  const record = (seconds: number, text: string) => `4,1234,${seconds * 1e6},-;${text}\n SUBSYSTEM=x\n`;

  it('is read in the wording of before Linux 6.18, and in that of since then, which names the namespace', () => {
    const records = [
      record(1, 'eth0: link up'),
      record(10, 'nf_conntrack: nf_conntrack: table full, dropping packet'),
      record(20, 'nf_conntrack: nf_conntrack: table full in netns 42, dropping packet'),
      record(30, 'nf_conntrack: nf_conntrack: table full in netns 43, dropping packet'),
      'no record',
    ];
    expect(countTableFull(records, 100, 42)).toEqual({
      state: 'read',
      tableFull: 2,
      lastSecondsAgo: 80,
      elsewhere: 1,
    });
    expect(countTableFull(records, 100, undefined)).toMatchObject({ tableFull: 3, lastSecondsAgo: 70 });
    expect(countTableFull([], 100, 42)).toEqual({ state: 'read', tableFull: 0, elsewhere: 0 });
  });
});

describe('a sample of the counters', () => {
  const reading = (...cpus: (readonly [drop: number, found: number])[]): TableStatistics => ({
    cpus: cpus.map(([drop, found], cpu) => ({
      cpu,
      counters: new Map([
        ['drop', drop],
        ['found', found],
      ]),
    })),
    entries: 10 * cpus.length,
  });

  it('sums over the CPUs, also where a counter wraps around and where a CPU is new', () => {
    const sample = sampleOf(reading([2 ** 32 - 1, 5]), reading([2, 5], [4, 0]), 2);
    expect(sample).toEqual({
      seconds: 2,
      entriesBefore: 10,
      entries: 20,
      counters: { drop: { total: 6, grew: 7 }, found: { total: 5, grew: 0 } },
    });
  });
});

describe('source translation in rules of nft', () => {
  const rule = (...expr: object[]) => ({
    rule: { family: 'ip', table: 'nat', chain: 'post', handle: 7, expr },
  });
  const sourceNat = (...expr: object[]) =>
    parseNftRules(JSON.stringify({ nftables: [rule(...expr)] }))!.sourceNat;

  it('has its address and its ports, and the command that widens them', () => {
    const match = { match: { op: '==', left: { meta: { key: 'oifname' } }, right: 'wan' } };
    const snat = { snat: { addr: '203.0.113.1', port: { range: [2000, 2999] } } };
    const [found] = sourceNat(match, snat);
    expect(found).toMatchObject({ place: 'ip nat post', address: '203.0.113.1', ports: [2000, 2999] });
    const [, json] = /^echo '(.*)' \| nft -j -f -$/.exec(found!.widen!)!;
    expect(JSON.parse(json!).nftables[0].replace.rule).toEqual({
      family: 'ip',
      table: 'nat',
      chain: 'post',
      handle: 7,
      expr: [match, { snat: { addr: '203.0.113.1', port: { range: [1024, 65_535] } } }],
    });
  });

  it.each([
    [{ masquerade: null }, { masquerade: { flags: ['fully-random'] } }],
    [
      { snat: { addr: '203.0.113.1', flags: 'persistent' } },
      { snat: { addr: '203.0.113.1', flags: ['persistent', 'fully-random'] } },
    ],
    [{ snat: { addr: '203.0.113.1', flags: ['persistent', 'fully-random'] } }, undefined],
  ])('%j has a command that lets it choose ports at random, unless it does', (expression, expected) => {
    const randomise = sourceNat(expression)[0]!.randomise;
    const json = randomise && /^echo '(.*)' \| nft -j -f -$/.exec(randomise)![1]!;
    expect(json && JSON.parse(json).nftables[0].replace.rule.expr).toEqual(expected && [expected]);
  });

  it('may name no port, one, or neither', () => {
    expect(sourceNat({ masquerade: { flags: 'random' } })).toEqual([
      { place: 'ip nat post', address: undefined, ports: undefined },
    ]);
    expect(sourceNat({ snat: { addr: { range: ['a', 'b'] }, port: 5 } })).toMatchObject([
      { address: undefined, ports: [5, 5] },
    ]);
    expect(sourceNat({ accept: null })).toEqual([]);
  });
});
