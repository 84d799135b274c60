import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/bytes/histogram.ts';
import { exposition } from '../../src/metrics/exposition.ts';
import { buildFamily, nodeFamilies } from '../../src/metrics/families.ts';
import { counter, type Family, gauge, histogram } from '../../src/metrics/family.ts';
import { processFamilies } from '../../src/metrics/process-families.ts';
import { tableFamilies } from '../../src/metrics/table-families.ts';
import { topFamilies } from '../../src/metrics/top-families.ts';
import { FTFW } from '../control/snapshot.ts';

/** Label values as the format's specification reads them back. */
function labelsIn(line: string): Record<string, string> {
  const plain = (text: string) => text.replace(/\\([\\n"])/g, (_, char) => (char === 'n' ? '\n' : char));
  return Object.fromEntries(
    [...line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name!, plain(value!)]),
  );
}

describe('the text format', () => {
  it('has a line of help and one of type for each family, and a line for each sample', () => {
    const families = [
      gauge('a', 'What a is.', 1.5),
      counter('b_total', 'Back\\slash and\nline.', [
        [{ x: '1' }, 2],
        [{ x: '2' }, undefined],
      ]),
      gauge('none', 'Is left out.', undefined),
    ];
    expect(exposition(families)).toBe(
      '# HELP a What a is.\n# TYPE a gauge\na 1.5\n' +
        '# HELP b_total Back\\\\slash and\\nline.\n# TYPE b_total counter\nb_total{x="1"} 2\n',
    );
  });

  it('escapes label values so that they can be read back', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (x, y) => {
        const line = exposition([gauge('a', 'A.', [[{ x, y }, 1]])]).replace(/^# .*\n# .*\n/, '');
        expect(labelsIn(line)).toEqual({ x, y });
        expect(line.split('\n')).toHaveLength(2);
      }),
    );
  });

  it('has cumulative buckets that end with all values', () => {
    const values = new Histogram([1, 10]);
    for (const value of [1, 2, 10, 11, 0]) values.record(value);
    expect(exposition([histogram('h', 'H.', [{ labels: { l: 'x' }, ...values.statistics }])])).toBe(
      `# HELP h H.
# TYPE h histogram
h_bucket{l="x",le="1"} 2
h_bucket{l="x",le="10"} 4
h_bucket{l="x",le="+Inf"} 5
h_sum{l="x"} 24
h_count{l="x"} 5
`,
    );
  });
});

describe('the metrics of a node', () => {
  const families: readonly Family[] = [
    buildFamily({ version: '1', node: '20', mode: 'sync' }),
    ...nodeFamilies({ ...FTFW, role: { role: 'backup', changing: false, changes: 0, superseded: 0 } }),
    ...tableFamilies({ entries: 1, entriesMax: 2, buckets: 3, counters: new Map([['drop', 4]]) }),
    ...processFamilies({ cpuSeconds: 1, residentBytes: 2, startedAt: 3 }),
  ];

  it('have names of their own, by the conventions of Prometheus', () => {
    const names = families.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type, help } of families) {
      expect(name).toMatch(/^(conntrackd|process)_[a-z_]+$/);
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(help).toMatch(/^[A-Z].*\.$|: always 1\.$/);
    }
  });

  it('have no labels but those of small sets', () => {
    const small = [
      'cache',
      'content',
      'device',
      'direction',
      'mode',
      'node',
      'operation',
      'queue',
      'reason',
      'result',
      'role',
    ];
    const names = families.flatMap(({ samples }) => samples.flatMap((sample) => Object.keys(sample.labels)));
    expect(names.filter((name) => ![...small, 'transport', 'version'].includes(name))).toEqual([]);
  });

  it('tell the role by the one sample that is 1', () => {
    const role = families.find(({ name }) => name === 'conntrackd_role')!;
    expect(role.samples).toHaveLength(4);
    expect(role.samples.filter((sample) => 'value' in sample && sample.value === 1)).toEqual([
      { labels: { role: 'backup' }, value: 1 },
    ]);
  });
});

describe('how long acknowledgements take', () => {
  it('is a histogram in seconds, and absent where nothing is acknowledged', () => {
    const delays = new Histogram([500, 1000]);
    for (const ms of [400, 600, 2000]) delays.record(ms);
    const replication = { ...FTFW.replication, ackDelay: { sinceStart: delays.statistics } };
    const text = exposition(nodeFamilies({ ...FTFW, replication }));
    const name = 'conntrackd_peer_acknowledge_delay_seconds';
    expect(text.split('\n').filter((line) => line.startsWith(name))).toEqual([
      `${name}_bucket{le="0.5"} 1`,
      `${name}_bucket{le="1"} 2`,
      `${name}_bucket{le="+Inf"} 3`,
      `${name}_sum 3`,
      `${name}_count 3`,
    ]);
    expect(exposition(nodeFamilies(FTFW))).not.toContain(name);
  });
});

describe('what several active nodes make of their flows', () => {
  it('is a counter each, and absent where one node is active', () => {
    const sharedFlows = {
      ...{ adopted: 812, known: 10_340, conflicts: 2, endsIgnored: 4 },
      ...{ lookedAt: 50_000, renewed: 35, restored: 1 },
    };
    const text = exposition(nodeFamilies({ ...FTFW, sharedFlows }));
    const name = 'conntrackd_shared';
    expect(text.split('\n').filter((line) => line.startsWith(name))).toEqual([
      `${name}_records_total{result="adopted"} 812`,
      `${name}_records_total{result="known"} 10340`,
      `${name}_conflicts_total 2`,
      `${name}_ends_ignored_total 4`,
      `${name}_looked_at_total 50000`,
      `${name}_renewed_total 35`,
      `${name}_restored_total 1`,
    ]);
    expect(exposition(nodeFamilies(FTFW))).not.toContain(name);
  });
});

describe('the sources with the most flows', () => {
  it('are as many as were asked for, each with its address', () => {
    const sources = [
      { address: '10.0.0.1', flows: 700 },
      { address: '2001:db8::1', flows: 3 },
    ];
    expect(exposition(topFamilies({ sources, count: 812 })).replaceAll(/^#.*\n/gm, '')).toBe(
      `conntrackd_table_sources 812
conntrackd_table_source_flows{source="10.0.0.1"} 700
conntrackd_table_source_flows{source="2001:db8::1"} 3
`,
    );
  });
});
