import { describe, expect, it } from 'vitest';
import { checkBacklog, checkRestarts, checkSpread } from '../../src/diagnosis/kernel/check-cpus.ts';
import type { Facts } from '../../src/facts/facts.ts';
import { type CpuFact, cpuFacts, parseCpuCounters } from '../../src/facts/kernel/cpu-load.ts';
import { HEALTHY, SAMPLE, withSettings } from './healthy.ts';

function withCpus(...cpus: readonly Partial<CpuFact>[]): Facts {
  const all = cpus.map((cpu, at) => ({ cpu: at, packets: 0, dropped: 0, softirqPart: 0, ...cpu }));
  return { ...HEALTHY, sample: { ...SAMPLE, seconds: 5, cpus: all } };
}

function withRestarts(grew: number, facts = HEALTHY): Facts {
  const counters = { ...SAMPLE.counters, search_restart: { total: grew, grew } };
  return { ...facts, sample: { ...SAMPLE, seconds: 5, counters } };
}

describe('the backlog of a CPU', () => {
  it('is a problem where it drops packets, and names the CPU and the command', () => {
    const [finding] = checkBacklog(withCpus({ packets: 9000 }, { packets: 90_000, dropped: 1000 }));
    expect(finding).toMatchObject({
      level: 'problem',
      check: 'packet backlog',
      commands: ['sysctl -w net.core.netdev_max_backlog=2000'],
    });
    expect(finding!.found).toMatch(/^1000 packets were dropped .* \(1\.0 %\), most by CPU 1/);
  });

  it('has no command where the limit is not seen, as in another network namespace', () => {
    const { settings } = withSettings({ 'net.core.netdev_max_backlog': undefined });
    const [finding] = checkBacklog({ ...withCpus({ packets: 1, dropped: 1000 }), settings });
    expect(finding).not.toHaveProperty('commands');
  });

  it('is not worth a word for a burst, or a few of very many', () => {
    expect(checkBacklog(withCpus({ packets: 100, dropped: 99 }))).toEqual([]);
    expect(checkBacklog(withCpus({ packets: 10_000_000, dropped: 200 }))).toEqual([]);
    expect(checkBacklog(HEALTHY)).toEqual([]);
  });
});

describe('the spread of packets over the CPUs', () => {
  it('is a warning where one is busy with them and the others are not', () => {
    const [finding] = checkSpread(
      withCpus({ packets: 90_000, softirqPart: 0.85 }, { packets: 10_000, softirqPart: 0.03 }, {}),
    );
    expect(finding).toMatchObject({ level: 'warning', check: 'CPUs' });
    expect(finding!.found).toBe(
      'CPU 0 spends 85.0 % of its time on packets (90.0 % of them), the other 2 on average 1.5 %',
    );
  });

  it('is none where all are busy, none is, there is one, or hardly a packet', () => {
    const busy = { packets: 50_000, softirqPart: 0.8 };
    expect(checkSpread(withCpus(busy, { packets: 50_000, softirqPart: 0.5 }))).toEqual([]);
    expect(checkSpread(withCpus({ packets: 50_000, softirqPart: 0.4 }, {}))).toEqual([]);
    expect(checkSpread(withCpus(busy))).toEqual([]);
    expect(checkSpread(withCpus({ packets: 4000, softirqPart: 0.9 }, {}))).toEqual([]);
    expect(checkSpread({ ...HEALTHY, sample: undefined })).toEqual([]);
  });
});

describe('look-ups that restart', () => {
  it('are a warning from 1000 a second on, with more buckets where flows share them', () => {
    expect(checkRestarts(withRestarts(4999))).toEqual([]);
    const [few] = checkRestarts(withRestarts(5000));
    expect(few).toMatchObject({ level: 'warning', check: 'search_restart' });
    expect(few).not.toHaveProperty('commands');
    const crowded = withSettings({
      'net.netfilter.nf_conntrack_count': 300_000,
      'net.netfilter.nf_conntrack_buckets': 65_536,
    });
    expect(checkRestarts(withRestarts(5000, crowded))[0]!.commands).toEqual([
      'sysctl -w net.netfilter.nf_conntrack_buckets=131072',
    ]);
  });
});

describe('what a CPU does', () => {
  const softnet = (one: string, other: string) => `${one}\n${other}\n`;
  const line = (packets: string, dropped: string, cpu: string) =>
    `${packets} ${dropped} 00000079 ${'00000000 '.repeat(9)}${cpu} 00000000 00000000`;
  const stat = (first: string, third: string) =>
    `cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 ${first}\ncpu2 ${third}\nintr 5\n`;

  it('is read from the tables of the kernel, and is what grew between two readings', () => {
    const before = parseCpuCounters(
      softnet(line('fffffff0', '00000002', '00000000'), line('00000010', '00000000', '00000002')),
      stat('100 0 50 800 0 0 50 0 7 7', '0 0 0 1000 0 0 0 0 0 0'),
    );
    expect(before.map(({ cpu, time }) => [cpu, time])).toEqual([
      [0, 1000],
      [2, 1000],
    ]);
    const now = parseCpuCounters(
      softnet(line('00000010', '00000005', '00000000'), line('00000010', '00000000', '00000002')),
      stat('110 0 60 805 0 0 125 0 7 7', '0 0 0 1000 0 0 0 0 0 0'),
    );
    expect(cpuFacts(before, now)).toEqual([
      { cpu: 0, packets: 32, dropped: 3, softirqPart: 0.75 },
      { cpu: 2, packets: 0, dropped: 0, softirqPart: 0 },
    ]);
    expect(cpuFacts(before.slice(0, 1), now).map(({ cpu }) => cpu)).toEqual([0]);
  });

  it('is read from kernels that do not number the lines', () => {
    const old = `${'0000000a '.repeat(1)}00000000 ${'00000000 '.repeat(8)}00000000`;
    expect(parseCpuCounters(`${old}\n`, stat('1 1 1 1 1 1 1 1 1 1', '0'))).toMatchObject([
      { cpu: 0, packets: 10, time: 8 },
    ]);
  });
});
