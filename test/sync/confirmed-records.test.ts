import { beforeEach, describe, expect, it } from 'vitest';
import type { Flow } from '../../src/flow/flow.ts';
import type { Confirmer } from '../../src/sync/answer.ts';
import { ConfirmedRecords } from '../../src/sync/confirmed-records.ts';
import { ExternalCache } from '../../src/table/external-cache.ts';
import { FlowKeyer } from '../../src/table/key.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { FLOW_FORMAT } from '../../src/wire/record.ts';
import { record } from '../table/records.ts';

const LIMIT = 32;

let cache: ExternalCache;
let confirmer: { mark: number; needsEvidence: boolean };
let records: ConfirmedRecords;

beforeEach(() => {
  cache = new ExternalCache(FLOW_FORMAT, new FlowKeyer(1), LIMIT);
  confirmer = { mark: 1, needsEvidence: false };
  records = new ConfirmedRecords(cache, confirmer satisfies Confirmer);
});

function update(n: number, fields: Partial<Flow> = {}): void {
  const bytes = record(n, fields);
  records.update(bytes, 0, bytes.length, 0);
}

function stored(n: number): Flow | undefined {
  const bytes = record(n);
  const slot = cache.table.find(bytes, 0, bytes.length);
  if (slot < 0) return undefined;
  const at = cache.table.offsetOf(slot);
  return decodeFlow(cache.table.bytesOf(slot), at, at + cache.table.sizeOf(slot));
}

describe('records that peers confirm', () => {
  it('are merged with what a peer says of them again', () => {
    update(1, { mark: 5, helper: 'ftp' });
    update(1, { mark: 6 });
    expect(stored(1)).toMatchObject({ mark: 6, helper: 'ftp' });
  });

  it('are replaced by what a peer says first after it was asked', () => {
    update(1, { mark: 5, helper: 'ftp' });
    confirmer.mark = 2;
    update(1, { mark: 6 });
    expect(stored(1)).toMatchObject({ mark: 6 });
    expect(stored(1)).not.toHaveProperty('helper');
    update(1, { labels: [1] });
    expect(stored(1)).toMatchObject({ mark: 6, labels: [1] });
  });

  it('go when a complete answer did not bring them, and no others', () => {
    for (const n of [1, 2, 3]) update(n);
    confirmer.mark = 2;
    update(2);
    const bytes = record(4);
    records.replace(bytes, 0, bytes.length, 0);
    expect(records.dropStale((mark) => mark === 1)).toBe(2);
    expect([1, 2, 3, 4].filter((n) => stored(n) !== undefined)).toEqual([2, 4]);
  });

  it('that found no room are asked for once, when a sixteenth of the cache is free', () => {
    for (let n = 0; n < LIMIT; n++) update(n);
    expect(records.takeRoom()).toBe(false);
    update(LIMIT);
    expect(stored(LIMIT)).toBeUndefined();
    const end = (n: number) => records.delete(record(n), 0, record(n).length);
    end(0);
    expect(records.takeRoom()).toBe(false);
    end(1);
    expect([records.takeRoom(), records.takeRoom()]).toEqual([true, false]);
  });
});
