import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFilter } from '../../../src/cli/flows/filter/parse.ts';
import { parseGroupKey } from '../../../src/cli/flows/group/group-key.ts';
import { GroupTable } from '../../../src/cli/flows/group/group-table.ts';
import type { FlowSource } from '../../../src/cli/flows/sources.ts';
import { batchJson, batchLine, groupFlows } from '../../../src/cli/flows/top/batch.ts';
import { type Order, type Reading, rank, totalOf } from '../../../src/cli/flows/top/ranking.ts';
import type { ListedFlow } from '../../../src/flow/listed/listed-flow.ts';
import { context, DNS, flow, PING, SYN, TUNNEL, WEB } from './sample.ts';

const FLOWS = [WEB, SYN, DNS, PING, TUNNEL].map((line) => flow(line));

function tableOf(by: string, flows: readonly ListedFlow[]): GroupTable {
  const table = new GroupTable(parseGroupKey(by), 2);
  for (const one of flows) table.add(one);
  return table;
}

function keys(by: string): string[] {
  const table = tableOf(by, FLOWS);
  return Array.from({ length: table.size }, (_, group) => `${table.keyText(group)} ${table.at(group).flows}`);
}

describe('flows are grouped', () => {
  test.each([
    ['src', ['10.1.2.3 2', '10.1.2.4 1', 'fd00::1 1', '1.1.1.1 1']],
    ['src/24', ['10.1.2.0/24 3', 'fd00::/24 1', '1.1.1.0/24 1']],
    ['dst/16', ['203.0.0.0/16 2', 'fd00::/16 1', '10.9.0.0/16 1', '2.2.0.0/16 1']],
    ['dport', ['443 1', '80 1', '53 1', '- 1', '12 1']],
    ['proto', ['tcp 2', 'udp 1', 'icmp 1', 'gre 1']],
    ['state', ['tcp ESTABLISHED 1', 'tcp SYN_SENT 1', 'udp 1', 'icmp 1', 'gre 1']],
    ['mark', ['0x10 1', '0x0 4']],
    ['zone', ['3 1', '0 4']],
    ['family', ['ipv4 4', 'ipv6 1']],
    ['helper', ['- 5']],
    ['proto,family', ['tcp,ipv4 2', 'udp,ipv6 1', 'icmp,ipv4 1', 'gre,ipv4 1']],
  ])('by %s', (by, expected) => {
    expect(keys(by)).toEqual(expected);
  });

  test('an IPv4 address is not the IPv6 address of the same bytes', () => {
    const six = flow(DNS);
    six.addresses.set([1, 2, 3, 4, ...new Array(12).fill(0)]);
    const four = flow('udp 17 20 src=1.2.3.4 dst=5.6.7.8 sport=1 dport=2');
    expect(tableOf('src', [six, four]).size).toBe(2);
  });

  test('marks and identifiers of all 32 bits are kept', () => {
    const table = tableOf('mark', [flow(WEB, { mark: 0xffff_ffff }), flow(WEB, { mark: -1 })]);
    expect([table.keyText(0), table.keyText(1)]).toEqual(['0xffffffff', '-']);
  });

  test.each(['scr', 'src/129', 'src/', 'dport/8', '', 'src,'])('not by %s', (by) => {
    expect(() => parseGroupKey(by)).toThrow(/expected a field to group by: src, dst/);
  });
});

test('a table counts as a map does, however it grows', () => {
  const one = flow(WEB);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(300), fc.nat(3), fc.boolean(), fc.nat(1000)), { maxLength: 900 }),
      (flows) => {
        const table = new GroupTable(parseGroupKey('dport,zone'), 2);
        const expected = new Map<string, number[]>();
        for (const [port, zone, isUnreplied, bytes] of flows) {
          one.original.destinationPort = port;
          one.zone = zone;
          one.status = isUnreplied ? 0 : 2;
          one.original.bytes = bytes;
          one.reply.bytes = 1;
          table.add(one);
          const sums = expected.get(`${port},${zone}`) ?? [0, 0, 0];
          expected.set(`${port},${zone}`, [
            sums[0]! + 1,
            sums[1]! + Number(isUnreplied),
            sums[2]! + bytes + 1,
          ]);
        }
        const found = Array.from({ length: table.size }, (_, group) => {
          const sums = table.at(group);
          return [table.keyText(group), [sums.flows, sums.unreplied, sums.bytes]];
        });
        expect(found).toEqual([...expected]);
        for (let group = 0; group < table.size; group++) expect(table.find(table, group)).toBe(group);
      },
    ),
    { numRuns: 30 },
  );
});

describe('a table that is read again', () => {
  test('is grouped from the beginning', async () => {
    const source: FlowSource = async (_, reader) => {
      reader.take(flow(WEB), new Uint8Array(0));
      reader.restarted();
      reader.take(flow(WEB), new Uint8Array(0));
      reader.take(flow(DNS), new Uint8Array(0));
      return { remarks: [] };
    };
    const key = parseGroupKey('proto');
    const { table } = await groupFlows({ source, filter: parseFilter([]), key, context });
    expect(table.flows).toBe(2);
  });
});

describe('groups are ranked', () => {
  const counted = (line: string, bytes: number) => {
    const one = flow(line);
    one.original.bytes = bytes;
    one.original.packets = 1;
    return one;
  };

  test('as a full sort has it, whatever the limit', () => {
    const one = flow(WEB);
    fc.assert(
      fc.property(
        fc.array(fc.nat(2000), { maxLength: 6000 }),
        fc.integer({ min: 1, max: 50 }),
        (ports, limit) => {
          const table = new GroupTable(parseGroupKey('dport'));
          for (const port of ports) {
            one.original.destinationPort = port;
            table.add(one);
          }
          const reading: Reading = { table, seconds: 0 };
          const all = [...rank(reading, 'flows', table.size)];
          expect(all.map(({ flows }) => flows)).toEqual(all.map(({ flows }) => flows).sort((a, b) => b - a));
          expect([...rank(reading, 'flows', limit)]).toEqual(all.slice(0, limit));
        },
      ),
      { numRuns: 20 },
    );
  });

  test('with what they carried in the window: ended flows count, and ones that began', () => {
    const before = tableOf('src', [counted(WEB, 1000), counted(SYN, 500), counted(PING, 100)]);
    // The flow of SYN ended with 700 bytes, another of its source began; that of WEB went on; that of PING ended.
    const ended = tableOf('src', [counted(SYN, 700), counted(PING, 100)]);
    const began = tableOf('src', [flow(SYN)]);
    const table = tableOf('src', [counted(WEB, 3000), counted(SYN, 60)]);
    const reading: Reading = { table, before, ended, began, seconds: 2 };
    const rates = (order: Order) =>
      [...rank(reading, order, 9)].map(({ key, bytesPerSecond, newPerSecond }) => [
        key,
        bytesPerSecond,
        newPerSecond,
      ]);
    // 10.1.2.3: 3000 + 100 - 1100 bytes in 2 s; 10.1.2.4: 60 + 700 - 500.
    expect(rates('rate')).toEqual([
      ['10.1.2.3', 1000, 0],
      ['10.1.2.4', 130, 0.5],
    ]);
    expect(rates('new')[0]![0]).toBe('10.1.2.4');
    expect(totalOf(reading)).toMatchObject({ flows: 2, groups: 2, newPerSecond: 0.5, endedPerSecond: 1 });
  });

  test('and printed with tabs, or as JSON', () => {
    const table = tableOf('state', FLOWS);
    const [first] = rank({ table, seconds: 0 }, 'unreplied', 1);
    expect(batchLine(first!)).toBe('tcp_SYN_SENT\t1\t20.00%\t-\t1\t-\t-\n');
    expect(JSON.parse(batchJson(first!))).toEqual({
      key: 'tcp SYN_SENT',
      flows: 1,
      share: 0.2,
      unreplied: 1,
    });
  });
});
