import { describe, expect, it } from 'vitest';
import { Random } from '../../../../sim/random.ts';
import {
  type Receipt,
  type Report,
  readReport,
  writeReport,
} from '../../../../src/sync/ftfw/group/report.ts';
import { Collector } from '../../../../src/wire/collector.ts';
import { messageOffsets } from '../../../support/datagrams.ts';

function written(report: Report, limit = 548): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  const out = new Collector(limit, (bytes, length) => datagrams.push(bytes.slice(0, length)));
  writeReport(out, report);
  out.flush();
  return datagrams;
}

function receipt(id: number, runs: number): Receipt {
  return {
    id,
    from: 5,
    last: 0xffff_fff0,
    runs: Array.from({ length: runs }, (_, n) => ({ from: 10 + 10 * n, to: 12 + 10 * n })),
  };
}

describe('a report', () => {
  it('is read as it was written', () => {
    const report: Report = {
      id: 0xffff_ffff,
      last: 7,
      awaited: [
        { id: 1, oldest: 2 },
        { id: 0xffff_fffe, oldest: 0 },
      ],
      receipts: [receipt(1, 0), receipt(2, 3)],
    };
    const [datagram, ...more] = written(report);
    expect(more).toEqual([]);
    expect(readReport(datagram!, 0)).toEqual(report);
  });

  it('of a full group fits into datagrams of the smallest MTU, in parts that each stand for themselves', () => {
    const awaited = Array.from({ length: 31 }, (_, id) => ({ id, oldest: id }));
    const receipts = Array.from({ length: 31 }, (_, id) => receipt(id, 32));
    const datagrams = written({ id: 9, last: 7, awaited, receipts });
    const parts = datagrams.flatMap((bytes) => messageOffsets(bytes).map((at) => readReport(bytes, at)!));
    for (const datagram of datagrams) expect(datagram.length).toBeLessThan(548);
    expect(parts.flatMap((part) => part.awaited)).toEqual(awaited);
    expect(parts.flatMap((part) => part.receipts)).toEqual(receipts);
    expect(new Set(parts.map(({ id, last }) => `${id} ${last}`))).toEqual(new Set(['9 7']));
  });

  it('is malformed with any other length, or with runs that are not ascending', () => {
    const [whole] = written({ id: 1, last: 7, awaited: [{ id: 1, oldest: 2 }], receipts: [receipt(2, 3)] });
    for (let length = 9; length < whole!.length; length++) {
      const cut = whole!.slice(0, length);
      cut[3] = length;
      expect(readReport(cut, 0), `${length} bytes`).toBeUndefined();
    }
    for (const runs of [
      [{ from: 5, to: 4 }],
      [
        { from: 5, to: 6 },
        { from: 6, to: 9 },
      ],
    ]) {
      const [bad] = written({ id: 1, last: 7, awaited: [], receipts: [{ id: 1, from: 1, last: 9, runs }] });
      expect(readReport(bad!, 0)).toBeUndefined();
    }
  });

  it('is read without an error whatever the bytes are', () => {
    const random = Random.forPurpose(1, 'reports');
    const [whole] = written({ id: 1, last: 7, awaited: [{ id: 1, oldest: 2 }], receipts: [receipt(2, 3)] });
    let read = 0;
    for (let n = 0; n < 20_000; n++) {
      const damaged = whole!.slice();
      for (let wrong = random.between(1, 4); wrong > 0; wrong--)
        damaged[random.between(8, damaged.length - 1)] = random.below(256);
      if (readReport(damaged, 0) !== undefined) read++;
    }
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(20_000);
  });
});
