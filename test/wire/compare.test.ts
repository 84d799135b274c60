import { describe, expect, it } from 'vitest';
import { Status } from '../../src/flow/status.ts';
import { saysNothingNew } from '../../src/wire/compare.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { FLOW_FORMAT } from '../../src/wire/record.ts';
import { flow } from '../table/records.ts';

type Fields = Parameters<typeof flow>[1];

function isNothingNew(known: Fields, update: Fields): boolean {
  const one = encodeFlow(flow(1, known));
  const other = encodeFlow(flow(1, update));
  return saysNothingNew(FLOW_FORMAT, one, 0, one.length, other, 0, other.length);
}

describe('saysNothingNew', () => {
  it('is true of the same record, also with another timeout', () => {
    expect(isNothingNew({ mark: 4, timeout: 100 }, { mark: 4, timeout: 90 })).toBe(true);
  });

  it('is true of a record that lacks what is known, and of a 0 where nothing is known', () => {
    expect(isNothingNew({ mark: 4, timeout: 7 }, { timeout: 7 })).toBe(true);
    expect(isNothingNew({}, { mark: 0 })).toBe(true);
  });

  it.each<[string, Fields, Fields]>([
    ['another state', { tcp: { state: 3 } }, { tcp: { state: 5 } }],
    ['another status', { status: Status.CONFIRMED }, { status: Status.CONFIRMED | Status.ASSURED }],
    ['a mark that became 0', { mark: 4 }, { mark: 0 }],
    ['a mark that was not known', {}, { mark: 4 }],
    ['labels of another size', { labels: [1] }, { labels: [1, 2] }],
    ['a helper', {}, { helper: 'ftp' }],
    ['another translation', { sourceNat: { address: '1.2.3.4' } }, { sourceNat: { address: '1.2.3.5' } }],
    ['a zone behind what is equal', { mark: 1 }, { mark: 1, zone: 4 }],
  ])('is false of %s', (_, known, update) => {
    expect(isNothingNew(known, update)).toBe(false);
  });
});
